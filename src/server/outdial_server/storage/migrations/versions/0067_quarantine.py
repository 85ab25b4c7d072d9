"""Which timeline of the database its servers were on, and the doubts after a failover."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0058"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("installation", sa.Column("timeline", sa.Text(), nullable=True))
    op.add_column("installation", sa.Column("quarantined_us", _BIG, nullable=True))
    op.add_column("installation", sa.Column("doubt_from_us", _BIG, nullable=True))
