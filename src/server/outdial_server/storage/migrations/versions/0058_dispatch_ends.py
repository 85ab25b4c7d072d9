"""Batches count whom they have left to dispatch, and say since when it is nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0061"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Rows that have not ended, whose last call no carrier has accepted, nor any before it.
_COUNT = (
    "UPDATE batches SET undispatched = (SELECT COUNT(*) FROM scheduled_calls s "
    "LEFT JOIN calls c ON c.key = s.call_key AND c.state NOT IN (1, 7) "
    "WHERE s.batch_key = batches.key AND s.position < batches.next_position "
    "AND s.final_state IS NULL AND s.dispatch_outcome <> 1 AND c.accepted_us IS NULL) "
    "WHERE ended_us IS NULL"
)
# When it was is not known any more.
_STAMP = (
    "UPDATE batches SET dispatch_ended_us = coalesce(ended_us, updated_us) "
    "WHERE undispatched = 0 AND (total > 0 OR ended_us IS NOT NULL)"
)
OF_BATCHES_FROM_BEFORE = (_COUNT, _STAMP)


def upgrade() -> None:
    op.add_column("batches", sa.Column("undispatched", _BIG, server_default="0", nullable=False))
    op.add_column("batches", sa.Column("dispatch_ended_us", _BIG, nullable=True))
    for statement in OF_BATCHES_FROM_BEFORE:
        op.execute(statement)
    # An older server would not count on.
    op.execute("UPDATE installation SET oldest_revision = '0058'")
