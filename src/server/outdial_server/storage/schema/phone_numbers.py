"""Numbers to call from, and whose turn it is."""

from typing import Final

from sqlalchemy import Column, Index, Integer, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
    text_column,
)

phone_numbers: Final = Table(
    "phone_numbers",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    Column("address", Text, nullable=False),
    text_column("display_name"),
    Column("active", SmallInteger, nullable=False, server_default="1"),
    # As bits, see domain.phone_number.
    Column("capabilities", SmallInteger, nullable=False),
    Column("max_concurrent_calls", Integer),
    text_column("metadata_json"),
    # The agent that calls from it, and its place among those of the agent.
    owner_column("agent_key", "agents", nullable=True),
    Column("place", SmallInteger, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    Column("deleted_us", BigInt),
    Column("carrier_config_key", BigInt),
)
partial_index(
    "phone_numbers_by_address",
    "deleted_us IS NULL",
    phone_numbers.c.account_key,
    phone_numbers.c.address,
    unique=True,
)
Index("phone_numbers_by_account", phone_numbers.c.account_key, phone_numbers.c.key)
partial_index(
    "phone_numbers_by_agent",
    "agent_key IS NOT NULL",
    phone_numbers.c.agent_key,
    phone_numbers.c.place,
)

# What batches list of numbers, and whose turn it was: see verbs.rotations.
rotations: Final = Table(
    "rotations",
    metadata,
    Column("batch_key", BigInt, primary_key=True, autoincrement=False),
    # Ids. Empty for a batch that lists none.
    text_column("numbers_json"),
    # The number that was chosen last.
    Column("last_key", BigInt),
)
