"""Webhooks, and how far each has been told of each batch."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("event_types_json", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_until_us", _BIG, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("failing_us", _BIG, nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_us", _BIG, nullable=False),
        sa.Column("updated_us", _BIG, nullable=False),
    )
    op.create_index("webhooks_by_account", "webhooks", ["account_key", "key"])
    op.create_table(
        "webhook_turns",
        sa.Column("webhook_key", _BIG, nullable=False),
        sa.Column("batch_key", _BIG, nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_us", _BIG, server_default="0", nullable=False),
        sa.Column("leased_us", _BIG, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("webhook_key", "batch_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("webhook_turns_by_batch", "webhook_turns", ["batch_key"])
