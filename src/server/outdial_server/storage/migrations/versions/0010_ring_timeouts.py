"""How long one person's phone may ring, and which number later tries show."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column(
        "batches",
        sa.Column("retry_caller_id", sa.SmallInteger(), server_default="1", nullable=False),
    )
    op.add_column("scheduled_calls", sa.Column("ring_timeout_s", sa.Integer(), nullable=True))
