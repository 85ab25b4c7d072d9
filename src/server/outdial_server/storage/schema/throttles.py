"""Throttles, and the calls that count in them."""

from typing import Final

from sqlalchemy import Column, Index, Integer, Table

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

throttles: Final = Table(
    "throttles",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    text_column("display_name"),
    # Pairs of calls and seconds.
    text_column("rules_json"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # Null while clients see it. The rate of a carrier config is a throttle that none sees.
    Column("deleted_us", BigInt),
    # Calls that were ever counted, and when the last ones were.
    count_column("total"),
    count_column("last_us"),
)
partial_index(
    "throttles_by_name",
    "deleted_us IS NULL",
    throttles.c.account_key,
    throttles.c.display_name,
    unique=True,
)

throttle_hits: Final = Table(
    "throttle_hits",
    metadata,
    Column("throttle_key", BigInt, primary_key=True),
    Column("at_us", BigInt, primary_key=True),
    # Calls at this moment, and all up to it: a window is the difference of two rows,
    # however many calls are in it.
    Column("hits", BigInt, nullable=False),
    Column("total", BigInt, nullable=False),
    sqlite_with_rowid=False,
)
Index("throttle_hits_by_total", throttle_hits.c.throttle_key, throttle_hits.c.total)
