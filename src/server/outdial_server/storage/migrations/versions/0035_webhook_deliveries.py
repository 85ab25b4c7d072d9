"""What became of each event that an endpoint was told of, and what is to be sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0038"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhook_resends",
        sa.Column("webhook_key", _BIG, nullable=False),
        sa.Column("batch_key", _BIG, nullable=False),
        sa.Column("to_seq", _BIG, nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("webhook_key", "batch_key", "to_seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("webhook_resends_by_batch", "webhook_resends", ["batch_key"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("webhook_id", sa.LargeBinary(16), nullable=False),
        sa.Column("batch_id", sa.LargeBinary(16), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("is_direct", sa.SmallInteger(), nullable=False),
        sa.Column("event_type", sa.SmallInteger(), nullable=False),
        sa.Column("event_us", _BIG, nullable=False),
        sa.Column("is_taken", sa.SmallInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("first_us", _BIG, nullable=False),
        sa.Column("tried_us", _BIG, nullable=False),
        sa.Column("took_us", _BIG, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
    )
    op.create_index(
        "webhook_deliveries_of_events",
        "webhook_deliveries",
        ["webhook_id", "batch_id", "seq"],
        unique=True,
    )
    op.create_index("webhook_deliveries_by_webhook", "webhook_deliveries", ["webhook_id", "key"])
