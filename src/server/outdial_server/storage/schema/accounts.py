"""Accounts and their API keys."""

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, Table

from outdial_server.storage.schema.columns import (
    BigInt,
    count_column,
    id_column,
    key_column,
    metadata,
    owner_column,
    text_column,
)

accounts: Final = Table(
    "accounts",
    metadata,
    key_column(),
    id_column(),
    text_column("display_name"),
    Column("max_concurrent_calls", Integer, nullable=False),
    Column("reserved_slots", Integer, nullable=False),
    Column("event_seq", BigInt, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # Entries of the do-not-call list, so that an account without any is not asked.
    count_column("suppressions"),
    # Its phone numbers, for the same; deleted ones too, for which rows may still wait.
    count_column("phone_numbers"),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    text_column("display_name"),
    text_column("prefix"),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    text_column("scopes"),
    Column("expires_us", BigInt),
    Column("created_us", BigInt, nullable=False),
    Column("revoked_us", BigInt),
)
