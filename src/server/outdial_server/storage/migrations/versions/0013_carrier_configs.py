"""Accounts at carriers, their slots and their rates."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "carrier_configs",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("carrier", sa.Text(), nullable=False, server_default=""),
        sa.Column("max_concurrent_calls", sa.Integer(), nullable=True),
        sa.Column("calls_per_second", sa.Double(), nullable=True),
        sa.Column("metadata_json", sa.Text(), nullable=False, server_default=""),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_us", _BIG, nullable=False),
        sa.Column("updated_us", _BIG, nullable=False),
        sa.Column("deleted_us", _BIG, nullable=True),
        sa.Column("rate_key", _BIG, sa.ForeignKey("throttles.key"), nullable=True),
    )
    alive = sa.text("deleted_us IS NULL")
    op.create_index(
        "carrier_configs_by_name",
        "carrier_configs",
        ["account_key", "display_name"],
        unique=True,
        sqlite_where=alive,
        postgresql_where=alive,
    )
    op.add_column("batches", sa.Column("carrier_config_key", _BIG, nullable=True))
    for column in ("carrier_config_key", "rate_key", "rate_us"):
        op.add_column("calls", sa.Column(column, _BIG, nullable=True))
