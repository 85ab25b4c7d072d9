"""Credentials of accounts at carriers, encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0019"


def upgrade() -> None:
    op.add_column(
        "carrier_configs",
        sa.Column("credentials_json", sa.Text(), nullable=False, server_default=""),
    )
    op.add_column("carrier_configs", sa.Column("credentials_sealed", sa.Text(), nullable=True))
