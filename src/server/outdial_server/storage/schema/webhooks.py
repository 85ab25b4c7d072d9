"""Endpoints, how far each has been told of a batch, and what came of it."""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    count_column,
    id_column,
    key_column,
    metadata,
    owner_column,
    text_column,
)

webhooks: Final = Table(
    "webhooks",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    Column("url", Text, nullable=False),
    text_column("description"),
    # Their numbers; none for all.
    text_column("event_types_json"),
    Column("active", SmallInteger, nullable=False, server_default="1"),
    # Sealed for the webhook's id.
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_until_us", BigInt),
    # Requests in a row that were not taken, and since when.
    Column("failures", Integer, nullable=False, server_default="0"),
    text_column("last_error"),
    Column("failing_us", BigInt),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # None: of all agents, of all batches. SQLite may give out the key of a batch again.
    Column("agent_key", BigInt),
    Column("batch_id", LargeBinary(16)),
    Column("format", SmallInteger, nullable=False, server_default="1"),
    # Like the types.
    text_column("batch_end_states_json"),
)
Index("webhooks_by_account", webhooks.c.account_key, webhooks.c.key)

# See verbs.webhook_turns. No foreign keys: a batch may be erased before.
webhook_turns: Final = Table(
    "webhook_turns",
    metadata,
    Column("webhook_key", BigInt, primary_key=True),
    Column("batch_key", BigInt, primary_key=True),
    # Up to this event it is told of all that it wants.
    Column("seq", BigInt, nullable=False),
    # Tries of the next message that have failed, and when the next one is due.
    Column("failures", Integer, nullable=False, server_default="0"),
    count_column("next_us"),
    # Until then a server is at it.
    count_column("leased_us"),
    sqlite_with_rowid=False,
)
Index("webhook_turns_by_batch", webhook_turns.c.batch_key)

# See verbs.webhook_resends. Of what a turn sends before anything new.
webhook_resends: Final = Table(
    "webhook_resends",
    metadata,
    Column("webhook_key", BigInt, primary_key=True),
    Column("batch_key", BigInt, primary_key=True),
    Column("to_seq", BigInt, primary_key=True),
    # Up to this event it is sent again.
    Column("seq", BigInt, nullable=False),
    sqlite_with_rowid=False,
)
Index("webhook_resends_by_batch", webhook_resends.c.batch_key)

# See verbs.webhook_log. Ids, not keys: it outlives batches and endpoints, whose keys SQLite may
# give out again.
webhook_deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    key_column(),
    Column("webhook_id", LargeBinary(16), nullable=False),
    Column("batch_id", LargeBinary(16), nullable=False),
    Column("seq", BigInt, nullable=False),
    Column("is_direct", SmallInteger, nullable=False),
    Column("event_type", SmallInteger, nullable=False),
    Column("event_us", BigInt, nullable=False),
    # Whether it is tried again, its turn says.
    Column("is_taken", SmallInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("first_us", BigInt, nullable=False),
    # Of the last try.
    Column("tried_us", BigInt, nullable=False),
    Column("took_us", BigInt, nullable=False),
    Column("status", SmallInteger),
    Column("error", Text, nullable=False),
    Column("answer", Text, nullable=False),
)
Index(
    "webhook_deliveries_of_events",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.batch_id,
    webhook_deliveries.c.seq,
    unique=True,
)
Index("webhook_deliveries_by_webhook", webhook_deliveries.c.webhook_id, webhook_deliveries.c.key)
