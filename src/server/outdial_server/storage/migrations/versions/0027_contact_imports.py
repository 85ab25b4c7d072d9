"""Imports of contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("imports", sa.Column("folder_id", sa.LargeBinary(16), nullable=True))
    op.add_column(
        "imports", sa.Column("overwrites", sa.SmallInteger(), nullable=False, server_default="0")
    )
    for name in ("updated_count", "finding_count"):
        op.add_column("imports", sa.Column(name, _BIG, nullable=False, server_default="0"))
    adding = sa.text("state = 3")
    op.create_index(
        "imports_adding", "imports", ["key"], sqlite_where=adding, postgresql_where=adding
    )
    op.create_table(
        "staged_contacts",
        sa.Column("import_key", _BIG, nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("row_number", _BIG, nullable=False),
        sa.Column("values_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_key", "seq"),
        sqlite_with_rowid=False,
    )
