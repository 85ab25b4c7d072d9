"""Contacts and their folders."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _identity() -> list[sa.Column[Any]]:
    return [
        sa.Column("key", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("account_key", _BIG, sa.ForeignKey("accounts.key"), nullable=False),
    ]


def _version() -> list[sa.Column[Any]]:
    return [
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_us", _BIG, nullable=False),
        sa.Column("updated_us", _BIG, nullable=False),
    ]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "contact_folders",
        *_identity(),
        _text("display_name"),
        sa.Column("sort_name", sa.LargeBinary(), nullable=False),
        _text("description"),
        sa.Column("contact_count", _BIG, nullable=False, server_default="0"),
        *_version(),
        sa.Column("deleted_us", _BIG, nullable=True),
    )
    op.create_index("contact_folders_by_account", "contact_folders", ["account_key", "key"])
    deleted = sa.text("deleted_us IS NOT NULL")
    op.create_index(
        "contact_folders_deleted",
        "contact_folders",
        ["key"],
        sqlite_where=deleted,
        postgresql_where=deleted,
    )
    op.create_table(
        "contacts",
        *_identity(),
        sa.Column("folder_key", _BIG, sa.ForeignKey("contact_folders.key"), nullable=False),
        sa.Column("normalized_address", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        *(
            _text(name)
            for name in (
                "first_name",
                "last_name",
                "email",
                "company_name",
                "industry",
                "location",
                "postal_code",
                "keywords_json",
                "time_zone",
                "custom_fields_json",
                "metadata_json",
                "search_text",
            )
        ),
        sa.Column("call_count", _BIG, nullable=False, server_default="0"),
        sa.Column("last_call_us", _BIG, nullable=True),
        sa.Column("last_disposition", sa.SmallInteger(), nullable=True),
        *_version(),
    )
    op.create_index(
        "contacts_by_address", "contacts", ["folder_key", "normalized_address"], unique=True
    )
    op.create_index("contacts_by_folder", "contacts", ["folder_key", "key"])
    op.create_index("contacts_by_account", "contacts", ["account_key", "key"])
