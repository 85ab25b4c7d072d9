"""Batches whose calls go through carrier configs alone: their own, or those of numbers. The next
start of a server says which are."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0039"


def upgrade() -> None:
    op.add_column(
        "batches", sa.Column("needs_config", sa.SmallInteger(), nullable=False, server_default="0")
    )
