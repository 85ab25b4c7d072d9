"""Phone numbers, bound to agents."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0017"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "phone_numbers",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("active", sa.SmallInteger(), nullable=False, server_default="1"),
        sa.Column("capabilities", sa.SmallInteger(), nullable=False),
        sa.Column("max_concurrent_calls", sa.Integer(), nullable=True),
        sa.Column("metadata_json", sa.Text(), nullable=False, server_default=""),
        sa.Column("agent_key", _BIG, sa.ForeignKey("agents.key"), nullable=True),
        sa.Column("place", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_us", _BIG, nullable=False),
        sa.Column("updated_us", _BIG, nullable=False),
        sa.Column("deleted_us", _BIG, nullable=True),
    )
    alive = sa.text("deleted_us IS NULL")
    op.create_index(
        "phone_numbers_by_address",
        "phone_numbers",
        ["account_key", "address"],
        unique=True,
        sqlite_where=alive,
        postgresql_where=alive,
    )
    op.create_index("phone_numbers_by_account", "phone_numbers", ["account_key", "key"])
    bound = sa.text("agent_key IS NOT NULL")
    op.create_index(
        "phone_numbers_by_agent",
        "phone_numbers",
        ["agent_key", "place"],
        sqlite_where=bound,
        postgresql_where=bound,
    )
    for table, count in (("accounts", "phone_numbers"), ("agents", "outbound_numbers")):
        op.add_column(table, sa.Column(count, _BIG, nullable=False, server_default="0"))
    op.add_column("calls", sa.Column("phone_number_key", _BIG, nullable=True))
