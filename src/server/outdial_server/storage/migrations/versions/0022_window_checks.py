"""Windows are checked: how long calls are expected to be, what becomes of a request whose
window is too short, and whether it was."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("batches", sa.Column("expected_call_s", sa.Integer(), nullable=True))
    for name, default in (("window_check", "2"), ("window_short", "0")):
        column = sa.Column(name, sa.SmallInteger(), server_default=default, nullable=False)
        op.add_column("batches", column)
