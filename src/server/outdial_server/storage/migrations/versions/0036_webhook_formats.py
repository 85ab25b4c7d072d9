"""Webhooks of one agent or one batch, and in the format of a documented API."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0042"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("agent_key", _BIG, nullable=True))
    op.add_column("webhooks", sa.Column("batch_id", sa.LargeBinary(16), nullable=True))
    op.add_column(
        "webhooks", sa.Column("format", sa.SmallInteger(), nullable=False, server_default="1")
    )
