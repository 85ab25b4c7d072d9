"""Numbers of batches, and rows that wait for one."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rotations",
        sa.Column("batch_key", _BIG, primary_key=True, autoincrement=False),
        sa.Column("numbers_json", sa.Text(), nullable=False, server_default=""),
        sa.Column("last_key", _BIG, nullable=True),
    )
    op.create_table(
        "held_rows",
        sa.Column("batch_key", _BIG, primary_key=True),
        sa.Column("number_key", _BIG, primary_key=True),
        sa.Column("was_usable", sa.SmallInteger(), primary_key=True),
        sa.Column("rank", sa.SmallInteger(), primary_key=True),
        sa.Column("ready_us", _BIG, primary_key=True),
        sa.Column("position", _BIG, primary_key=True),
        sa.Column("row_key", _BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column(
        "batches", sa.Column("rotation", sa.SmallInteger(), nullable=False, server_default="1")
    )
