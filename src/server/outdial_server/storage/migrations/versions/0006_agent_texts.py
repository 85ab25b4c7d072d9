"""Agents have texts, and can be inactive."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "agents", sa.Column("active", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column(
        "agents", sa.Column("texts_revision", sa.Integer(), server_default="0", nullable=False)
    )
    for name in (
        "prompt",
        "first_message",
        "join_url_template",
        "default_context_json",
        "context_schema_json",
    ):
        op.add_column("agents", sa.Column(name, sa.Text(), server_default="", nullable=False))
