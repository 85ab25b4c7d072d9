"""What batches were given so far, so that they take turns."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("slots", sa.Column("served", big, nullable=False, server_default="0"))
