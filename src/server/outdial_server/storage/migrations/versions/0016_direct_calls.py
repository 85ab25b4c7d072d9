"""Direct calls, and the batches that stand behind them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"


def upgrade() -> None:
    for table in ("batches", "calls"):
        op.add_column(
            table, sa.Column("is_direct", sa.SmallInteger(), server_default="0", nullable=False)
        )
    shown = sa.text("is_direct = 0")
    op.drop_index("batches_by_account", "batches")
    op.create_index(
        "batches_by_account",
        "batches",
        ["account_key", "key"],
        sqlite_where=shown,
        postgresql_where=shown,
    )
