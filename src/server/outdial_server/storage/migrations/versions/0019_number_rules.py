"""Rules for each number, and the calls that they ask for; ends of do-not-call entries."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0022"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "number_rules",
        sa.Column("account_key", _BIG, primary_key=True, autoincrement=False),
        sa.Column("min_gap_s", sa.Integer(), nullable=True),
        sa.Column("max_calls_per_day", sa.Integer(), nullable=True),
    )
    op.create_table(
        "number_calls",
        sa.Column("call_key", _BIG, primary_key=True),
        sa.Column("sent_us", _BIG, primary_key=True),
        sa.Column("account_key", _BIG, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("ended_us", _BIG, nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_index("number_calls_by_number", "number_calls", ["account_key", "address"])
    ends = sa.text("expires_us IS NOT NULL")
    op.create_index(
        "suppressions_by_end",
        "suppressions",
        ["expires_us"],
        sqlite_where=ends,
        postgresql_where=ends,
    )
    op.add_column("calls", sa.Column("number_counted", sa.SmallInteger(), nullable=True))
