"""Batches: settings, state, counts, and how far each has been erased."""

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

batches: Final = Table(
    "batches",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    owner_column("agent_key", "agents"),
    text_column("carrier"),
    Column("duplicates", SmallInteger, nullable=False),
    text_column("display_name"),
    Column("window_start_us", BigInt),
    Column("window_end_us", BigInt),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("max_concurrent_calls", Integer),
    text_column("caller_id"),
    Column("unknown_policy", SmallInteger, nullable=False),
    Column("on_config_error", SmallInteger, nullable=False),
    Column("ring_timeout_s", Integer, nullable=False),
    Column("max_call_duration_s", Integer, nullable=False),
    text_column("metadata_json"),
    # What a dialect of the REST gateway must give back and the core ignores.
    text_column("annotations_json"),
    Column("state", SmallInteger, nullable=False),
    text_column("state_reason"),
    text_column("state_detail"),
    Column("settling_to", SmallInteger),
    count_column("total"),
    count_column("waiting"),
    count_column("dialing"),
    count_column("in_progress"),
    count_column("completed"),
    count_column("failed"),
    count_column("expired"),
    count_column("cancelled"),
    count_column("skipped"),
    count_column("dispatch_accepted"),
    count_column("dispatch_refused"),
    count_column("unknown"),
    count_column("sends_in_flight"),
    Column("event_seq", BigInt, nullable=False, server_default="0"),
    Column("oldest_seq", BigInt, nullable=False, server_default="1"),
    # Rows at this position and behind are staged: not seen and not dialled.
    Column("next_position", BigInt, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # Null while the first rows are staged.
    Column("revealed_us", BigInt),
    Column("started_us", BigInt),
    Column("ended_us", BigInt),
    Column("deleted_us", BigInt),
    # See verbs.erasing. The end of the batch as of which its events were erased: a batch
    # that is retried ends later, and has events again.
    Column("events_erased_us", BigInt, nullable=False, server_default="0"),
    # Rows before this position have no payload any more.
    Column("payloads_erased_to", BigInt, nullable=False, server_default="0"),
    # Null until the batch itself is erased; and the next position to erase.
    Column("erasure", SmallInteger),
    Column("rows_erased_to", BigInt, nullable=False, server_default="0"),
    # See storage.retry_policies. Null without a policy.
    Column("retry_policy_json", Text),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    # Days as bits, Monday the lowest. Null, all three, without calling hours.
    Column("hours_days", SmallInteger),
    Column("hours_start_minute", SmallInteger),
    Column("hours_end_minute", SmallInteger),
    Column("zone_rule", SmallInteger, nullable=False, server_default="1"),
    # Whether a row may be called by another zone than `time_zone`.
    Column("has_other_zones", SmallInteger, nullable=False, server_default="0"),
    # After a change of the rules: rows put off at this position and behind are to be looked
    # at again.
    Column("requeue_from", BigInt),
    Column("max_calls_per_day", Integer),
    # See verbs.daily_caps. The ordinal of a local date, and the dials let go on it.
    Column("dial_day", Integer),
    Column("dials_on_day", Integer, nullable=False, server_default="0"),
    Column("retry_caller_id", SmallInteger, nullable=False, server_default="1"),
    # Not foreign keys: SQLite cannot add one to a table that is there.
    Column("throttle_key", BigInt),
    Column("carrier_config_key", BigInt),
    Column("pacing", SmallInteger, nullable=False, server_default="1"),
    # Stands behind one direct call, and is shown to nobody: see domain.direct_call.
    Column("is_direct", SmallInteger, nullable=False, server_default="0"),
    # Null: as the account's calls have taken lately.
    Column("expected_call_s", Integer),
    # A batch from before the check is warned of, and not refused.
    Column("window_check", SmallInteger, nullable=False, server_default="2"),
    # A WindowFault.
    Column("window_short", SmallInteger, nullable=False, server_default="0"),
    Column("rotation", SmallInteger, nullable=False, server_default="1"),
    text_column("carrier_params_json"),
    Column("medium", SmallInteger, nullable=False, server_default="1"),
    # Its webhook, and with what requests to it are signed. Empty for none.
    Column("webhook_url", Text, nullable=False, server_default=""),
    Column("webhook_secret", Text),
    Column("webhook_previous_secret", Text),
    Column("webhook_previous_until_us", BigInt),
    # Nobody is dialled before: the webhook has failed.
    Column("rests_until_us", BigInt),
    Column("needs_config", SmallInteger, nullable=False, server_default="0"),
    # After a list that took the place of those who waited: of the rows from the first of these
    # positions to before the second, who waits is to be ended. Null, both, when nobody is.
    Column("replaced_from", BigInt),
    Column("replaced_before", BigInt),
    # Whether it has rows in configs_of_rows, or had some.
    Column("has_own_configs", SmallInteger, nullable=False, server_default="0"),
    count_column("undispatched"),
    # Since when that is 0.
    Column("dispatch_ended_us", BigInt),
)
partial_index("batches_by_account", "is_direct = 0", batches.c.account_key, batches.c.key)
# For those who watch an account's batches.
partial_index(
    "batches_by_end",
    "is_direct = 0 AND deleted_us IS NULL AND erasure IS NULL AND ended_us IS NOT NULL",
    batches.c.account_key,
    batches.c.ended_us,
)
partial_index("batches_open", "ended_us IS NULL", batches.c.key)

# What there is to erase, oldest first; each shrinks as it is erased.
partial_index("batches_ended", "erasure IS NULL AND ended_us IS NOT NULL", batches.c.ended_us)
partial_index("batches_deleted", "erasure IS NULL AND deleted_us IS NOT NULL", batches.c.deleted_us)
partial_index(
    "batches_with_events", "erasure IS NULL AND events_erased_us < ended_us", batches.c.ended_us
)
partial_index(
    "batches_with_payloads",
    "erasure IS NULL AND ended_us IS NOT NULL AND payloads_erased_to < next_position",
    batches.c.ended_us,
)
partial_index("batches_erasing", "erasure IS NOT NULL", batches.c.erasure, batches.c.ended_us)
