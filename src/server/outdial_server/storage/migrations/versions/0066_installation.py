"""A row of the installation itself."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0057"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("key", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("seen_us", _BIG, nullable=False, server_default="0"),
    )
    op.execute("INSERT INTO installation (key) VALUES (1)")
