"""Calls that carriers were asked to drop from their queues."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("calls", sa.Column("recalled_us", _BIG, nullable=True))
