"""Batches of an account that ended lately are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"

_WHERE = sa.text(
    "is_direct = 0 AND deleted_us IS NULL AND erasure IS NULL AND ended_us IS NOT NULL"
)


def upgrade() -> None:
    op.create_index(
        "batches_by_end",
        "batches",
        ["account_key", "ended_us"],
        sqlite_where=_WHERE,
        postgresql_where=_WHERE,
    )
