"""Calls that nobody of ours dials: the webhook of their batch is asked to see to them."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0036"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("medium", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("webhook_url", sa.Text(), server_default="", nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=True),
        sa.Column("webhook_previous_secret", sa.Text(), nullable=True),
        sa.Column("webhook_previous_until_us", _BIG, nullable=True),
        sa.Column("rests_until_us", _BIG, nullable=True),
    ):
        op.add_column("batches", column)
    op.add_column("scheduled_calls", sa.Column("medium", sa.SmallInteger(), nullable=True))
