"""Retry policies: of a batch, and which try of a row one has granted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("batches", sa.Column("retry_policy_json", sa.Text(), nullable=True))
    op.add_column("scheduled_calls", sa.Column("retry_attempt", sa.SmallInteger(), nullable=True))
    op.add_column("events", sa.Column("due_us", _BIG, nullable=True))
