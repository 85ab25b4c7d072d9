"""What is wrong with carrier accounts and numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0032"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "troubles",
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("owner", _BIG, nullable=False),
        sa.Column("state_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "owner"),
    )
