"""Contacts, their folders, and contacts that an import has yet to put into one."""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    count_column,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
    text_column,
)

contact_folders: Final = Table(
    "contact_folders",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    text_column("display_name"),
    # The name in small letters.
    Column("sort_name", LargeBinary, nullable=False),
    text_column("description"),
    count_column("contact_count"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # It is erased, after its contacts.
    Column("deleted_us", BigInt),
)
Index("contact_folders_by_account", contact_folders.c.account_key, contact_folders.c.key)
partial_index("contact_folders_deleted", "deleted_us IS NOT NULL", contact_folders.c.key)

contacts: Final = Table(
    "contacts",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    owner_column("folder_key", "contact_folders"),
    Column("normalized_address", Text, nullable=False),
    # Null when it is the normal form itself.
    Column("address", Text),
    text_column("first_name"),
    text_column("last_name"),
    text_column("email"),
    text_column("company_name"),
    text_column("industry"),
    text_column("location"),
    text_column("postal_code"),
    text_column("keywords_json"),
    text_column("time_zone"),
    text_column("custom_fields_json"),
    text_column("metadata_json"),
    # See domain.contact.
    text_column("search_text"),
    # Of calls that have ended.
    count_column("call_count"),
    Column("last_call_us", BigInt),
    Column("last_disposition", SmallInteger),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
)
Index("contacts_by_address", contacts.c.folder_key, contacts.c.normalized_address, unique=True)
Index("contacts_by_folder", contacts.c.folder_key, contacts.c.key)
Index("contacts_by_account", contacts.c.account_key, contacts.c.key)

# Of an import, until its rows go into the folder.
staged_contacts: Final = Table(
    "staged_contacts",
    metadata,
    Column("import_key", BigInt, primary_key=True),
    # Its place among rows and findings: a word about it has the same in `import_findings`.
    Column("seq", BigInt, primary_key=True),
    Column("row_number", BigInt, nullable=False),
    # The values of contacts, in the order of verbs.contacts.FIELD_COLUMNS.
    Column("values_json", Text, nullable=False),
    sqlite_with_rowid=False,
)
