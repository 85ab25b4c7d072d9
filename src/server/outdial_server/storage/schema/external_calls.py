"""Calls in progress that others have placed."""

from typing import Final

from sqlalchemy import Column, Index, Table, Text

from outdial_server.storage.schema.columns import BigInt, key_column, metadata, owner_column

# Those in progress.
external_calls: Final = Table(
    "external_calls",
    metadata,
    key_column(),
    owner_column("account_key", "accounts"),
    Column("external_id", Text, nullable=False),
    owner_column("agent_key", "agents", nullable=True),
    owner_column("carrier_config_key", "carrier_configs", nullable=True),
    Column("created_us", BigInt, nullable=False),
    Column("expires_us", BigInt, nullable=False),
)
Index(
    "external_calls_by_id", external_calls.c.account_key, external_calls.c.external_id, unique=True
)
Index("external_calls_by_expiry", external_calls.c.expires_us)
