"""How long a call to one person may last."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("scheduled_calls", sa.Column("max_duration_s", sa.Integer(), nullable=True))
