"""Calls that were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("calls", sa.Column("deleted_us", _BIG, nullable=True))
