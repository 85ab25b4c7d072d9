"""Batches have a daily cap, and count the dials of the current day."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for name in ("max_calls_per_day", "dial_day"):
        op.add_column("batches", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column(
        "batches", sa.Column("dials_on_day", sa.Integer(), server_default="0", nullable=False)
    )
