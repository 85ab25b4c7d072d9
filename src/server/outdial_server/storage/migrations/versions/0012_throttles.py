"""Throttles, and what they have counted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "throttles",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("rules_json", sa.Text(), nullable=False, server_default=""),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_us", _BIG, nullable=False),
        sa.Column("updated_us", _BIG, nullable=False),
        sa.Column("deleted_us", _BIG, nullable=True),
        sa.Column("total", _BIG, nullable=False, server_default="0"),
        sa.Column("last_us", _BIG, nullable=False, server_default="0"),
    )
    alive = sa.text("deleted_us IS NULL")
    op.create_index(
        "throttles_by_name",
        "throttles",
        ["account_key", "display_name"],
        unique=True,
        sqlite_where=alive,
        postgresql_where=alive,
    )
    op.create_table(
        "throttle_hits",
        sa.Column("throttle_key", _BIG, primary_key=True),
        sa.Column("at_us", _BIG, primary_key=True),
        sa.Column("hits", _BIG, nullable=False),
        sa.Column("total", _BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("throttle_hits_by_total", "throttle_hits", ["throttle_key", "total"])
    for table in ("batches", "calls"):
        op.add_column(table, sa.Column("throttle_key", _BIG, nullable=True))
