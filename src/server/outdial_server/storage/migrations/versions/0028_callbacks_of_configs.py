"""Callbacks that come to the URL of a carrier config."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column(
        "callbacks", sa.Column("carrier_config", sa.Text(), nullable=False, server_default="")
    )
