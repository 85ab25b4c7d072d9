"""Calls keep the texts that they were made with."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "call_texts",
        sa.Column("call_key", _BIG, autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.Text(), server_default="", nullable=False)
            for name in ("prompt", "first_message", "join_url")
        ),
        sa.ForeignKeyConstraint(["call_key"], ["calls.key"]),
        sa.PrimaryKeyConstraint("call_key"),
    )
