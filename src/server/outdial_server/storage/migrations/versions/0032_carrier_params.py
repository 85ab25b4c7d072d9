"""Parameters of the carrier's own: for a batch, and for one person."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0035"


def upgrade() -> None:
    op.add_column(
        "batches", sa.Column("carrier_params_json", sa.Text(), server_default="", nullable=False)
    )
    op.add_column("scheduled_calls", sa.Column("carrier_params_json", sa.Text(), nullable=True))
