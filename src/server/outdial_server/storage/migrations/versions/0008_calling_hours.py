"""Batches have a time zone and calling hours; rows have the zone that their number tells."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "batches", sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False)
    )
    for name in ("hours_days", "hours_start_minute", "hours_end_minute"):
        op.add_column("batches", sa.Column(name, sa.SmallInteger(), nullable=True))
    for name, value in (("zone_rule", "1"), ("has_other_zones", "0")):
        op.add_column(
            "batches", sa.Column(name, sa.SmallInteger(), server_default=value, nullable=False)
        )
    # Of rows that are there already, one with a zone of its own is called by it.
    op.execute(
        "UPDATE batches SET has_other_zones = 1 WHERE EXISTS (SELECT 1 FROM scheduled_calls s "
        "WHERE s.batch_key = batches.key AND s.time_zone IS NOT NULL)"
    )
    op.add_column("batches", sa.Column("requeue_from", _BIG, nullable=True))
    op.add_column("scheduled_calls", sa.Column("number_zone", sa.Text(), nullable=True))
    op.add_column("scheduled_calls", sa.Column("ready_us", _BIG, nullable=True))
