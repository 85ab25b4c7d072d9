"""Batches can be spread over their days."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "batches", sa.Column("pacing", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column("slots", sa.Column("opens_us", _BIG, nullable=True))
    op.add_column("slots", sa.Column("opens_mark", _BIG, server_default="0", nullable=False))
