"""Agents."""

from typing import Final

from sqlalchemy import Column, Integer, SmallInteger, Table, Text

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

agents: Final = Table(
    "agents",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    text_column("display_name"),
    Column("max_concurrent_calls", Integer),
    text_column("metadata_json"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    Column("deleted_us", BigInt),
    Column("active", SmallInteger, nullable=False, server_default="1"),
    # The revision that the texts are of; 0 for none, which a claim need not read.
    Column("texts_revision", Integer, nullable=False, server_default="0"),
    text_column("prompt"),
    text_column("first_message"),
    text_column("join_url_template"),
    text_column("default_context_json"),
    text_column("context_schema_json"),
    # Numbers that it calls from.
    count_column("outbound_numbers"),
    Column("annotations_json", Text),
)
partial_index(
    "agents_by_name", "deleted_us IS NULL", agents.c.account_key, agents.c.display_name, unique=True
)
