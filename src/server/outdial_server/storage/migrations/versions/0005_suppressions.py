"""The do-not-call list of each account."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("suppressions", _BIG, server_default="0", nullable=False))
    op.create_table(
        "suppressions",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("expires_us", _BIG, nullable=True),
        sa.Column("created_us", _BIG, nullable=False),
    )
    op.create_index(
        "suppressions_by_address", "suppressions", ["account_key", "address"], unique=True
    )
    op.create_index("suppressions_by_account", "suppressions", ["account_key", "key"])
    op.create_index("suppressions_by_source", "suppressions", ["account_key", "source", "key"])
