"""Which servers may go on with the schema, though a newer one has migrated it."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0059"


def upgrade() -> None:
    op.add_column(
        "installation",
        sa.Column("oldest_revision", sa.Text(), server_default="0064", nullable=False),
    )
