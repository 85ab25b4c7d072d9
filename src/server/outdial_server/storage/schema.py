"""The tables. One schema for both databases.

Every row that others refer to has a small integer `key`, the store's own, beside its
public id: ids are 16 bytes, keys 2 to 5, and events and calls are many. Moments are
microseconds since 1970 in UTC, lengths are whole seconds.

No index names, even in its WHERE, a column that an ordinary change of a call touches,
`trusted_until_us` apart: that one is what the reaper and the reconciler live by.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata: Final = MetaData()

BigInt: Final = BigInteger().with_variant(Integer, "sqlite")


def _key() -> Column[int]:
    return Column("key", BigInt, primary_key=True, autoincrement=True)


def _id() -> Column[bytes]:
    return Column("id", LargeBinary(16), nullable=False, unique=True)


def _owner(name: str, table: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInt, ForeignKey(f"{table}.key"), nullable=nullable)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _count(name: str) -> Column[int]:
    return Column(name, BigInt, nullable=False, server_default="0")


accounts: Final = Table(
    "accounts",
    metadata,
    _key(),
    _id(),
    _text("display_name"),
    Column("max_concurrent_calls", Integer, nullable=False),
    Column("reserved_slots", Integer, nullable=False),
    Column("event_seq", BigInt, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # Entries of the do-not-call list, so that an account without any is not asked.
    _count("suppressions"),
    # Its phone numbers, for the same; deleted ones too, for which rows may still wait.
    _count("phone_numbers"),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _text("display_name"),
    _text("prefix"),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    _text("scopes"),
    Column("expires_us", BigInt),
    Column("created_us", BigInt, nullable=False),
    Column("revoked_us", BigInt),
)

agents: Final = Table(
    "agents",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _text("display_name"),
    Column("max_concurrent_calls", Integer),
    _text("metadata_json"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    Column("deleted_us", BigInt),
    Column("active", SmallInteger, nullable=False, server_default="1"),
    # The revision that the texts are of; 0 for none, which a claim need not read.
    Column("texts_revision", Integer, nullable=False, server_default="0"),
    _text("prompt"),
    _text("first_message"),
    _text("join_url_template"),
    _text("default_context_json"),
    _text("context_schema_json"),
    # Numbers that it calls from.
    _count("outbound_numbers"),
    Column("annotations_json", Text),
)
Index(
    "agents_by_name",
    agents.c.account_key,
    agents.c.display_name,
    unique=True,
    sqlite_where=text("deleted_us IS NULL"),
    postgresql_where=text("deleted_us IS NULL"),
)

batches: Final = Table(
    "batches",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _owner("agent_key", "agents"),
    _text("carrier"),
    Column("duplicates", SmallInteger, nullable=False),
    _text("display_name"),
    Column("window_start_us", BigInt),
    Column("window_end_us", BigInt),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("max_concurrent_calls", Integer),
    _text("caller_id"),
    Column("unknown_policy", SmallInteger, nullable=False),
    Column("on_config_error", SmallInteger, nullable=False),
    Column("ring_timeout_s", Integer, nullable=False),
    Column("max_call_duration_s", Integer, nullable=False),
    _text("metadata_json"),
    # What a dialect of the REST gateway must give back and the core ignores.
    _text("annotations_json"),
    Column("state", SmallInteger, nullable=False),
    _text("state_reason"),
    _text("state_detail"),
    Column("settling_to", SmallInteger),
    _count("total"),
    _count("waiting"),
    _count("dialing"),
    _count("in_progress"),
    _count("completed"),
    _count("failed"),
    _count("expired"),
    _count("cancelled"),
    _count("skipped"),
    _count("dispatch_accepted"),
    _count("dispatch_refused"),
    _count("unknown"),
    _count("sends_in_flight"),
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
    Column("window_short", SmallInteger, nullable=False, server_default="0"),
    Column("rotation", SmallInteger, nullable=False, server_default="1"),
    _text("carrier_params_json"),
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
    _count("undispatched"),
    # Since when that is 0.
    Column("dispatch_ended_us", BigInt),
)
# For those who watch an account's batches.
_SHOWN_AS_ENDED: Final = (
    "is_direct = 0 AND deleted_us IS NULL AND erasure IS NULL AND ended_us IS NOT NULL"
)
Index(
    "batches_by_account",
    batches.c.account_key,
    batches.c.key,
    sqlite_where=text("is_direct = 0"),
    postgresql_where=text("is_direct = 0"),
)
Index(
    "batches_by_end",
    batches.c.account_key,
    batches.c.ended_us,
    sqlite_where=text(_SHOWN_AS_ENDED),
    postgresql_where=text(_SHOWN_AS_ENDED),
)
Index(
    "batches_open",
    batches.c.key,
    sqlite_where=text("ended_us IS NULL"),
    postgresql_where=text("ended_us IS NULL"),
)


def _index_of_erasing(name: str, column: str, where: str) -> None:
    """What there is to erase, oldest first; each shrinks as it is erased."""
    Index(
        name,
        *(batches.c[name] for name in column.split()),
        sqlite_where=text(where),
        postgresql_where=text(where),
    )


_index_of_erasing("batches_ended", "ended_us", "erasure IS NULL AND ended_us IS NOT NULL")
_index_of_erasing("batches_deleted", "deleted_us", "erasure IS NULL AND deleted_us IS NOT NULL")
_index_of_erasing(
    "batches_with_events", "ended_us", "erasure IS NULL AND events_erased_us < ended_us"
)
_index_of_erasing(
    "batches_with_payloads",
    "ended_us",
    "erasure IS NULL AND ended_us IS NOT NULL AND payloads_erased_to < next_position",
)
_index_of_erasing("batches_erasing", "erasure ended_us", "erasure IS NOT NULL")

scheduled_calls: Final = Table(
    "scheduled_calls",
    metadata,
    _key(),
    _id(),
    _owner("batch_key", "batches"),
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
    # What `due_us` was before a rule put the row off.
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
Index(
    "rows_due",
    scheduled_calls.c.batch_key,
    scheduled_calls.c.rank,
    scheduled_calls.c.due_us,
    scheduled_calls.c.position,
    sqlite_where=text("due_us IS NOT NULL"),
    postgresql_where=text("due_us IS NOT NULL"),
)
Index(
    "rows_by_custom_id",
    scheduled_calls.c.batch_key,
    scheduled_calls.c.custom_id,
    sqlite_where=text("custom_id IS NOT NULL"),
    postgresql_where=text("custom_id IS NOT NULL"),
)

calls: Final = Table(
    "calls",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _owner("agent_key", "agents"),
    _owner("batch_key", "batches", nullable=True),
    _owner("scheduled_key", "scheduled_calls", nullable=True),
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
Index(
    "calls_watched",
    calls.c.trusted_until_us,
    sqlite_where=text("trusted_until_us IS NOT NULL"),
    postgresql_where=text("trusted_until_us IS NOT NULL"),
)

suppressions: Final = Table(
    "suppressions",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    # In normal form.
    Column("address", Text, nullable=False),
    _text("source"),
    _text("reason"),
    Column("expires_us", BigInt),
    Column("created_us", BigInt, nullable=False),
)
Index(
    "suppressions_by_address",
    suppressions.c.account_key,
    suppressions.c.address,
    unique=True,
)
Index("suppressions_by_account", suppressions.c.account_key, suppressions.c.key)
Index(
    "suppressions_by_end",
    suppressions.c.expires_us,
    sqlite_where=text("expires_us IS NOT NULL"),
    postgresql_where=text("expires_us IS NOT NULL"),
)
Index(
    "suppressions_by_source",
    suppressions.c.account_key,
    suppressions.c.source,
    suppressions.c.key,
)

# What a call of an agent with texts was made with.
call_texts: Final = Table(
    "call_texts",
    metadata,
    Column("call_key", BigInt, ForeignKey("calls.key"), primary_key=True, autoincrement=False),
    _text("prompt"),
    _text("first_message"),
    _text("join_url"),
)

conversations: Final = Table(
    "conversations",
    metadata,
    Column("call_key", BigInt, ForeignKey("calls.key"), primary_key=True, autoincrement=False),
    # See storage.conversations.
    Column("conversation_json", Text, nullable=False),
)

throttles: Final = Table(
    "throttles",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _text("display_name"),
    # Pairs of calls and seconds.
    _text("rules_json"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # Null while clients see it. The rate of a carrier config is a throttle that none sees.
    Column("deleted_us", BigInt),
    # Calls that were ever counted, and when the last ones were.
    _count("total"),
    _count("last_us"),
)
Index(
    "throttles_by_name",
    throttles.c.account_key,
    throttles.c.display_name,
    unique=True,
    sqlite_where=text("deleted_us IS NULL"),
    postgresql_where=text("deleted_us IS NULL"),
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

carrier_configs: Final = Table(
    "carrier_configs",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _text("display_name"),
    _text("carrier"),
    Column("max_concurrent_calls", Integer),
    # Null: as the carrier has it.
    Column("calls_per_second", Double),
    _text("metadata_json"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    Column("deleted_us", BigInt),
    # The throttle that holds its rate. Null without one.
    Column("rate_key", BigInt, ForeignKey("throttles.key")),
    # What may be shown of its credentials, and the whole, encrypted. Null without any.
    _text("credentials_json"),
    Column("credentials_sealed", Text),
)
Index(
    "carrier_configs_by_name",
    carrier_configs.c.account_key,
    carrier_configs.c.display_name,
    unique=True,
    sqlite_where=text("deleted_us IS NULL"),
    postgresql_where=text("deleted_us IS NULL"),
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

# What batches list of them, and whose turn it was: see verbs.rotations.
rotations: Final = Table(
    "rotations",
    metadata,
    Column("batch_key", BigInt, primary_key=True, autoincrement=False),
    # Ids. Empty for a batch that lists none.
    _text("numbers_json"),
    # The number that was chosen last.
    Column("last_key", BigInt),
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

phone_numbers: Final = Table(
    "phone_numbers",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    Column("address", Text, nullable=False),
    _text("display_name"),
    Column("active", SmallInteger, nullable=False, server_default="1"),
    # As bits, see domain.phone_number.
    Column("capabilities", SmallInteger, nullable=False),
    Column("max_concurrent_calls", Integer),
    _text("metadata_json"),
    # The agent that calls from it, and its place among those of the agent.
    _owner("agent_key", "agents", nullable=True),
    Column("place", SmallInteger, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    Column("deleted_us", BigInt),
    Column("carrier_config_key", BigInt),
)
Index(
    "phone_numbers_by_address",
    phone_numbers.c.account_key,
    phone_numbers.c.address,
    unique=True,
    sqlite_where=text("deleted_us IS NULL"),
    postgresql_where=text("deleted_us IS NULL"),
)
Index("phone_numbers_by_account", phone_numbers.c.account_key, phone_numbers.c.key)
Index(
    "phone_numbers_by_agent",
    phone_numbers.c.agent_key,
    phone_numbers.c.place,
    sqlite_where=text("agent_key IS NOT NULL"),
    postgresql_where=text("agent_key IS NOT NULL"),
)

# What an account asks of each number. Its row is what SENDING of the account locks.
number_rules: Final = Table(
    "number_rules",
    metadata,
    Column("account_key", BigInt, primary_key=True, autoincrement=False),
    Column("min_gap_s", Integer),
    Column("max_calls_per_day", Integer),
)

# Calls of such accounts, of late. No foreign keys: a call may be erased before, and its key
# used again.
number_calls: Final = Table(
    "number_calls",
    metadata,
    Column("call_key", BigInt, primary_key=True),
    Column("sent_us", BigInt, primary_key=True),
    Column("account_key", BigInt, nullable=False),
    # In normal form.
    Column("address", Text, nullable=False),
    # Null while it is live.
    Column("ended_us", BigInt),
    sqlite_with_rowid=False,
)
Index("number_calls_by_number", number_calls.c.account_key, number_calls.c.address)

# Those in progress.
external_calls: Final = Table(
    "external_calls",
    metadata,
    _key(),
    _owner("account_key", "accounts"),
    Column("external_id", Text, nullable=False),
    _owner("agent_key", "agents", nullable=True),
    _owner("carrier_config_key", "carrier_configs", nullable=True),
    Column("created_us", BigInt, nullable=False),
    Column("expires_us", BigInt, nullable=False),
)
Index(
    "external_calls_by_id",
    external_calls.c.account_key,
    external_calls.c.external_id,
    unique=True,
)
Index("external_calls_by_expiry", external_calls.c.expires_us)

slots: Final = Table(
    "slots",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("owner", BigInt, primary_key=True),
    Column("target_cap", Integer),
    Column("hard_cap", Integer),
    Column("used", Integer, nullable=False, server_default="0"),
    # See domain.slots.SlotRow.
    Column("opens_us", BigInt),
    Column("opens_mark", BigInt, nullable=False, server_default="0"),
    # Of `used`.
    Column("external", Integer, nullable=False, server_default="0"),
    Column("served", BigInt, nullable=False, server_default="0"),
    CheckConstraint("used >= 0", name="slots_not_negative"),
    CheckConstraint("hard_cap IS NULL OR used <= hard_cap", name="slots_within_cap"),
    sqlite_with_rowid=False,
)

events: Final = Table(
    "events",
    metadata,
    Column("batch_key", BigInt, primary_key=True),
    Column("seq", BigInt, primary_key=True),
    Column("at_us", BigInt, nullable=False),
    Column("type", SmallInteger, nullable=False),
    Column("cause", Text, nullable=False),
    # The after-image: of a batch where `scheduled_key` is null, else of that row.
    Column("scheduled_key", BigInt),
    Column("call_key", BigInt),
    Column("state", SmallInteger, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("total", BigInt),
    Column("dispatch_outcome", SmallInteger),
    Column("attempt", SmallInteger),
    Column("call_state", SmallInteger),
    Column("disposition", SmallInteger),
    # When the row is due that waits again.
    Column("due_us", BigInt),
    sqlite_with_rowid=False,
)

webhooks: Final = Table(
    "webhooks",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    Column("url", Text, nullable=False),
    _text("description"),
    # Their numbers; none for all.
    _text("event_types_json"),
    Column("active", SmallInteger, nullable=False, server_default="1"),
    # Sealed for the webhook's id.
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_until_us", BigInt),
    # Requests in a row that were not taken, and since when.
    Column("failures", Integer, nullable=False, server_default="0"),
    _text("last_error"),
    Column("failing_us", BigInt),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # None: of all agents, of all batches. SQLite may give out the key of a batch again.
    Column("agent_key", BigInt),
    Column("batch_id", LargeBinary(16)),
    Column("format", SmallInteger, nullable=False, server_default="1"),
    # Like the types.
    _text("batch_end_states_json"),
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
    _count("next_us"),
    # Until then a server is at it.
    _count("leased_us"),
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
    _key(),
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

requests: Final = Table(
    "requests",
    metadata,
    Column("account_key", BigInt, primary_key=True),
    Column("surface", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("answer_json", Text, nullable=False),
    Column("expires_us", BigInt, nullable=False),
    sqlite_with_rowid=False,
)
Index("requests_by_expiry", requests.c.expires_us)

imports: Final = Table(
    "imports",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    # Not a foreign key: an import may outlive its batch.
    Column("batch_id", LargeBinary(16)),
    # Null while its rows come in.
    Column("state", SmallInteger),
    _count("row_count"),
    _count("added_count"),
    _count("refused_count"),
    _count("duplicate_count"),
    Column("findings_truncated", SmallInteger, nullable=False, server_default="0"),
    Column("created_us", BigInt, nullable=False),
    # Of contacts alone, and how many findings there are so far. Not a foreign key, as above.
    Column("folder_id", LargeBinary(16)),
    Column("overwrites", SmallInteger, nullable=False, server_default="0"),
    _count("updated_count"),
    _count("finding_count"),
)
Index(
    "imports_adding",
    imports.c.key,
    sqlite_where=text("state = 3"),
    postgresql_where=text("state = 3"),
)
Index("imports_by_age", imports.c.created_us)
Index(
    "imports_under_way",
    imports.c.key,
    sqlite_where=text("state IS NULL"),
    postgresql_where=text("state IS NULL"),
)

import_findings: Final = Table(
    "import_findings",
    metadata,
    Column("import_key", BigInt, primary_key=True),
    # 1, 2, 3 in the order of the rows.
    Column("seq", BigInt, primary_key=True),
    Column("row_number", BigInt, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("field", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("first_row_number", BigInt, nullable=False),
    sqlite_with_rowid=False,
)

callbacks: Final = Table(
    "callbacks",
    metadata,
    _key(),
    Column("carrier", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("headers_json", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_us", BigInt, nullable=False),
    # As text: the id in the URL that it came to.
    _text("carrier_config"),
)

contact_folders: Final = Table(
    "contact_folders",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _text("display_name"),
    # The name in small letters.
    Column("sort_name", LargeBinary, nullable=False),
    _text("description"),
    _count("contact_count"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
    # It is erased, after its contacts.
    Column("deleted_us", BigInt),
)
Index("contact_folders_by_account", contact_folders.c.account_key, contact_folders.c.key)
Index(
    "contact_folders_deleted",
    contact_folders.c.key,
    sqlite_where=text("deleted_us IS NOT NULL"),
    postgresql_where=text("deleted_us IS NOT NULL"),
)

contacts: Final = Table(
    "contacts",
    metadata,
    _key(),
    _id(),
    _owner("account_key", "accounts"),
    _owner("folder_key", "contact_folders"),
    Column("normalized_address", Text, nullable=False),
    # Null when it is the normal form itself.
    Column("address", Text),
    _text("first_name"),
    _text("last_name"),
    _text("email"),
    _text("company_name"),
    _text("industry"),
    _text("location"),
    _text("postal_code"),
    _text("keywords_json"),
    _text("time_zone"),
    _text("custom_fields_json"),
    _text("metadata_json"),
    # See domain.contact.
    _text("search_text"),
    # Of calls that have ended.
    _count("call_count"),
    Column("last_call_us", BigInt),
    Column("last_disposition", SmallInteger),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_us", BigInt, nullable=False),
    Column("updated_us", BigInt, nullable=False),
)
Index("contacts_by_address", contacts.c.folder_key, contacts.c.normalized_address, unique=True)
Index("contacts_by_folder", contacts.c.folder_key, contacts.c.key)
Index("contacts_by_account", contacts.c.account_key, contacts.c.key)

# Of an import, until its rows go into the folder.
staged_contacts: Final = Table(
    "staged_contacts",
    metadata,
    Column("import_key", BigInt, primary_key=True),
    # Its place among rows and findings: a word about it has the same in `import_findings`.
    Column("seq", BigInt, primary_key=True),
    Column("row_number", BigInt, nullable=False),
    # The values of contacts, in the order of verbs.contacts.FIELD_COLUMNS.
    Column("values_json", Text, nullable=False),
    sqlite_with_rowid=False,
)

# One row: of what all servers of a database share.
installation: Final = Table(
    "installation",
    metadata,
    Column("key", SmallInteger, primary_key=True, autoincrement=False),
    # When a server last wrote here.
    _count("seen_us"),
    # Servers that know it may go on, whatever has been added since. A migration that takes
    # something away sets it to the first revision whose servers did without.
    Column("oldest_revision", Text, nullable=False, server_default="0064"),
    # That of PostgreSQL's log then: each failover has another. Null where it is not known.
    Column("timeline", Text),
    # See domain.quarantine. Null without one.
    Column("quarantined_us", BigInt),
    Column("doubt_from_us", BigInt),
)
