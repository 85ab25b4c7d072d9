"""What is kept with agents and given back."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0043"


def upgrade() -> None:
    op.add_column("agents", sa.Column("annotations_json", sa.Text(), nullable=True))
