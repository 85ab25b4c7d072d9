"""Calls: tries of scheduled calls, direct calls, and what was said in them."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
    text_column,
)

calls: Final = Table(
    "calls",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    owner_column("agent_key", "agents"),
    owner_column("batch_key", "batches", nullable=True),
    owner_column("scheduled_key", "scheduled_calls", nullable=True),
    Column("attempt", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("fence", Integer, nullable=False),
    # See domain.silence. Null when nobody need look: released or ended.
    Column("trusted_until_us", BigInt),
    Column("holds_slot", SmallInteger, nullable=False),
    Column("lookups", SmallInteger, nullable=False, server_default="0"),
    Column("ring_timeout_s", Integer, nullable=False),
    Column("max_duration_s", Integer, nullable=False),
    Column("caller_id", Text),
    Column("carrier_call_id", Text),
    Column("disposition", SmallInteger),
    Column("reason", Text),
    Column("sent_us", BigInt),
    Column("accepted_us", BigInt),
    Column("ringing_us", BigInt),
    Column("answered_us", BigInt),
    Column("ended_us", BigInt),
    # The throttle that counted it, at `sent_us`. Not a foreign key: it is there for as long as
    # the call may turn out not to have been sent.
    Column("throttle_key", BigInt),
    Column("carrier_config_key", BigInt),
    # The throttle of its carrier config's rate that counted it, and when: the clock may have
    # been set back for one of the two throttles.
    Column("rate_key", BigInt),
    Column("rate_us", BigInt),
    # The account's own number that it shows.
    Column("phone_number_key", BigInt),
    # 1 for a direct call: it counts in no limit of the account's batches together.
    Column("is_direct", SmallInteger, nullable=False, server_default="0"),
    # 1 from SENDING on where `number_calls` has it, else 0 or null.
    Column("number_counted", SmallInteger),
    # When its carrier was last asked to drop it from its queue.
    Column("recalled_us", BigInt),
    # See verbs.call_deleting.
    Column("deleted_us", BigInt),
)
Index("calls_by_batch", calls.c.batch_key, calls.c.key)
Index("calls_by_row", calls.c.scheduled_key)
partial_index("calls_watched", "trusted_until_us IS NOT NULL", calls.c.trusted_until_us)

# What a call of an agent with texts was made with.
call_texts: Final = Table(
    "call_texts",
    metadata,
    Column("call_key", BigInt, ForeignKey("calls.key"), primary_key=True, autoincrement=False),
    text_column("prompt"),
    text_column("first_message"),
    text_column("join_url"),
)

conversations: Final = Table(
    "conversations",
    metadata,
    Column("call_key", BigInt, ForeignKey("calls.key"), primary_key=True, autoincrement=False),
    # See storage.conversations.
    Column("conversation_json", Text, nullable=False),
)
