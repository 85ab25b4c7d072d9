"""Rows keep the folder of the contact that they were copied from."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0016"


def upgrade() -> None:
    op.add_column(
        "scheduled_calls", sa.Column("contact_folder_id", sa.LargeBinary(16), nullable=True)
    )
