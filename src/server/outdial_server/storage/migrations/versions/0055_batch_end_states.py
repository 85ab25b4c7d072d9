"""Which ends of batches webhooks are told of."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0047"


def upgrade() -> None:
    op.add_column(
        "webhooks",
        sa.Column("batch_end_states_json", sa.Text(), server_default="", nullable=False),
    )
