"""People of a batch may name carrier configs of their own. A server that knows nothing of these
would dial through others, and is not to go on."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0064"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("scheduled_calls", sa.Column("carrier_config_key", _BIG, nullable=True))
    op.add_column(
        "batches",
        sa.Column("has_own_configs", sa.SmallInteger(), server_default="0", nullable=False),
    )
    op.create_table(
        "configs_of_rows",
        sa.Column("carrier_config_key", _BIG, primary_key=True),
        sa.Column("batch_key", _BIG, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.execute("UPDATE installation SET oldest_revision = '0061'")
