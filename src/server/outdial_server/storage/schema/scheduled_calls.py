"""The people of a batch."""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
)

scheduled_calls: Final = Table(
    "scheduled_calls",
    metadata,
    key_column(),
    id_column(),
    owner_column("batch_key", "batches"),
    Column("position", BigInt, nullable=False),
    Column("address", Text, nullable=False),
    # Null when it is the address itself.
    Column("normalized_address", Text),
    Column("custom_id", Text),
    Column("time_zone", Text),
    Column("contact_id", LargeBinary(16)),
    Column("caller_id", Text),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    # As it came, byte for byte.
    Column("context_json", Text),
    Column("metadata_json", Text),
    Column("annotations_json", Text),
    # See domain.claims.dialing_rank.
    Column("rank", SmallInteger, nullable=False),
    # Null when it does not wait: claimed, live or over.
    Column("due_us", BigInt),
    # Tries that are over.
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    # The latest call. Not a foreign key: calls refer to rows already.
    Column("call_key", BigInt),
    Column("final_state", SmallInteger),
    Column("state_reason", Text),
    # As of the tries that are over; a live call's own is in its row.
    Column("dispatch_outcome", SmallInteger, nullable=False, server_default="0"),
    Column("dispatched_us", BigInt),
    Column("disposition", SmallInteger),
    Column("ended_us", BigInt),
    # The try that the retry policy has granted last. A budget that is lowered while the row
    # waits for this one takes it back, and no other.
    Column("retry_attempt", SmallInteger),
    # What the number tells, where the batch goes by it.
    Column("number_zone", Text),
    # What `due_us` was before a rule put the row off, or a claim took it.
    Column("ready_us", BigInt),
    # Null when it is the batch's.
    Column("ring_timeout_s", Integer),
    # The folder that the contact was in when it was copied.
    Column("contact_folder_id", LargeBinary(16)),
    # Null when it is the batch's.
    Column("max_duration_s", Integer),
    Column("carrier_params_json", Text),
    # Null: that of the batch.
    Column("medium", SmallInteger),
    # Null: that of its batch or of the number that it shows.
    Column("carrier_config_key", BigInt),
)
Index("rows_by_position", scheduled_calls.c.batch_key, scheduled_calls.c.position, unique=True)
partial_index(
    "rows_due",
    "due_us IS NOT NULL",
    scheduled_calls.c.batch_key,
    scheduled_calls.c.rank,
    scheduled_calls.c.due_us,
    scheduled_calls.c.position,
)
partial_index(
    "rows_by_custom_id",
    "custom_id IS NOT NULL",
    scheduled_calls.c.batch_key,
    scheduled_calls.c.custom_id,
)

# Which carrier configs the rows of a batch name. They are not to be deleted before it has ended.
configs_of_rows: Final = Table(
    "configs_of_rows",
    metadata,
    Column("carrier_config_key", BigInt, primary_key=True),
    Column("batch_key", BigInt, primary_key=True),
    sqlite_with_rowid=False,
)

# See verbs.held_rows.
held_rows: Final = Table(
    "held_rows",
    metadata,
    Column("batch_key", BigInt, primary_key=True),
    Column("number_key", BigInt, primary_key=True),
    Column("was_usable", SmallInteger, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),
    Column("ready_us", BigInt, primary_key=True),
    Column("position", BigInt, primary_key=True),
    Column("row_key", BigInt, nullable=False),
    sqlite_with_rowid=False,
)
