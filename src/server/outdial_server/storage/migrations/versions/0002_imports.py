"""Imports and what was found in them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:

    op.create_table(
        "imports",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column(
            "account_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("batch_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=True),
        *(
            sa.Column(
                name,
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                server_default="0",
                nullable=False,
            )
            for name in ("row_count", "added_count", "refused_count", "duplicate_count")
        ),
        sa.Column("findings_truncated", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["account_key"],
            ["accounts.key"],
        ),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("imports_by_age", "imports", ["created_us"], unique=False)
    op.create_index(
        "imports_under_way",
        "imports",
        ["key"],
        unique=False,
        sqlite_where=sa.text("state IS NULL"),
        postgresql_where=sa.text("state IS NULL"),
    )
    op.create_table(
        "import_findings",
        sa.Column(
            "import_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "row_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "first_row_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("import_key", "seq"),
        sqlite_with_rowid=False,
    )
