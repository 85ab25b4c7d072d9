"""The state of a batch before an event that changed it."""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    op.add_column("events", sa.Column("previous_state", sa.SmallInteger(), nullable=True))
