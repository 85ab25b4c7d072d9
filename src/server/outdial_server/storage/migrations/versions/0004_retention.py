"""What there is to erase is found by index, and how far it was erased is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_INDEXES = (
    ("batches_ended", ["ended_us"], "erasure IS NULL AND ended_us IS NOT NULL"),
    ("batches_deleted", ["deleted_us"], "erasure IS NULL AND deleted_us IS NOT NULL"),
    ("batches_with_events", ["ended_us"], "erasure IS NULL AND events_erased_us < ended_us"),
    (
        "batches_with_payloads",
        ["ended_us"],
        "erasure IS NULL AND ended_us IS NOT NULL AND payloads_erased_to < next_position",
    ),
    ("batches_erasing", ["erasure", "ended_us"], "erasure IS NOT NULL"),
)


def upgrade() -> None:
    for name in ("events_erased_us", "payloads_erased_to"):
        op.add_column("batches", sa.Column(name, _BIG, server_default="0", nullable=False))
    op.add_column("batches", sa.Column("erasure", sa.SmallInteger(), nullable=True))
    op.add_column("batches", sa.Column("rows_erased_to", _BIG, server_default="0", nullable=False))
    for name, columns, where in _INDEXES:
        op.create_index(
            name,
            "batches",
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.create_index("requests_by_expiry", "requests", ["expires_us"])
