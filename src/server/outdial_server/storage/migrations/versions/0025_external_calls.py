"""External calls, and how many of a scope's slots they take."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "external_calls",
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("agent_key", _BIG, sa.ForeignKey("agents.key"), nullable=True),
        sa.Column("carrier_config_key", _BIG, sa.ForeignKey("carrier_configs.key"), nullable=True),
        sa.Column("created_us", _BIG, nullable=False),
        sa.Column("expires_us", _BIG, nullable=False),
    )
    op.create_index(
        "external_calls_by_id", "external_calls", ["account_key", "external_id"], unique=True
    )
    op.create_index("external_calls_by_expiry", "external_calls", ["expires_us"])
    op.add_column("slots", sa.Column("external", sa.Integer(), server_default="0", nullable=False))
