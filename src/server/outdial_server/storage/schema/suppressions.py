"""The do-not-call lists."""

from typing import Final

from sqlalchemy import Column, Index, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
    text_column,
)

suppressions: Final = Table(
    "suppressions",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    # In normal form.
    Column("address", Text, nullable=False),
    text_column("source"),
    text_column("reason"),
    Column("expires_us", BigInt),
    Column("created_us", BigInt, nullable=False),
)
Index("suppressions_by_address", suppressions.c.account_key, suppressions.c.address, unique=True)
Index("suppressions_by_account", suppressions.c.account_key, suppressions.c.key)
partial_index("suppressions_by_end", "expires_us IS NOT NULL", suppressions.c.expires_us)
Index(
    "suppressions_by_source", suppressions.c.account_key, suppressions.c.source, suppressions.c.key
)
