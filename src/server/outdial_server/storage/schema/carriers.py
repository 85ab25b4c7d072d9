"""Accounts at carriers, what is wrong with them, and what carriers have told."""

from typing import Final

from sqlalchemy import Column, Double, ForeignKey, Integer, LargeBinary, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
    text_column,
)

carrier_configs: Final = Table(
    "carrier_configs",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    text_column("display_name"),
    text_column("carrier"),
    Column("max_concurrent_calls", Integer),
    # Null: as the carrier has it.
    Column("calls_per_second", Double),
    text_column("metadata_json"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    Column("deleted_us", BigInt),
    # The throttle that holds its rate. Null without one.
    Column("rate_key", BigInt, ForeignKey("throttles.key")),
    # What may be shown of its credentials, and the whole, encrypted. Null without any.
    text_column("credentials_json"),
    Column("credentials_sealed", Text),
)
partial_index(
    "carrier_configs_by_name",
    "deleted_us IS NULL",
    carrier_configs.c.account_key,
    carrier_configs.c.display_name,
    unique=True,
)

# What is wrong with a carrier config or a phone number, by the kind and owner of its slots; most
# have no row. See verbs.troubles.
troubles: Final = Table(
    "troubles",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", BigInt, primary_key=True, autoincrement=False),
    Column("state_json", Text, nullable=False),
)

callbacks: Final = Table(
    "callbacks",
    metadata,
    key_column(),
    Column("carrier", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("headers_json", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_us", BigInt, nullable=False),
    # As text: the id in the URL that it came to.
    text_column("carrier_config"),
)
