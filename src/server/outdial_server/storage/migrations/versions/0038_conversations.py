"""What was said in a call, as it was reported."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0031"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("call_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("conversation_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call_key"], ["calls.key"]),
        sa.PrimaryKeyConstraint("call_key"),
    )
