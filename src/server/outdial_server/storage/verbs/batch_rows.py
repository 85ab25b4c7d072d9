"""Batches as rows: read, and changed by a decision of the domain."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import COUNT_NAMES, Batch, BatchCounts, BatchState
from outdial_server.domain.batch_policies import (
    ConfigErrorPolicy,
    DuplicatePolicy,
    RetryCallerId,
    UnknownPolicy,
)
from outdial_server.domain.batch_rules import BatchChange, finish
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.errors import Reason
from outdial_server.domain.event import BatchAfter
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.medium import Medium
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.domain.window_estimate import WindowCheck, WindowFault
from outdial_server.storage.encoding import (
    id_or_not_found,
    mapping_from,
    mapping_json,
    micros_or_none,
    moment,
    moment_or_none,
    not_found,
    seconds_or_none,
    unpack_id,
)
from outdial_server.storage.retry_policies import policy_or_none, policy_text
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.carrier_configs import config_of_batch, dialled_through
from outdial_server.storage.verbs.daily_counts import CountedDials, dials_today
from outdial_server.storage.verbs.ledger import set_cap
from outdial_server.storage.verbs.log import NewEvent, append_events
from outdial_server.storage.verbs.number_rules import NUMBER_RULES, number_rules_from
from outdial_server.storage.verbs.rotations import listed_numbers, write_list
from outdial_server.storage.verbs.throttles import throttle_key
from outdial_server.storage.verbs.troubles import troubles_of

BATCH_COLUMNS: Final = (
    "b.key, b.id, a.id AS account_id, g.id AS agent_id, b.account_key, b.agent_key, b.carrier, "
    "b.duplicates, b.display_name, b.window_start_us, b.window_end_us, b.priority, b.weight, "
    "b.max_concurrent_calls, b.caller_id, b.unknown_policy, b.on_config_error, "
    "b.ring_timeout_s, b.max_call_duration_s, b.retry_policy_json, b.retry_caller_id, "
    "b.metadata_json, b.annotations_json, b.carrier_params_json, "
    "b.time_zone, b.hours_days, b.hours_start_minute, b.hours_end_minute, b.zone_rule, "
    "b.has_other_zones, b.max_calls_per_day, b.pacing, b.rotation, b.expected_call_s, "
    "b.window_check, b.window_short, b.medium, b.webhook_url, b.webhook_secret, "
    "b.webhook_previous_secret, b.webhook_previous_until_us, b.rests_until_us, "
    "b.needs_config, b.has_own_configs, b.dial_day, b.dials_on_day, b.is_direct, b.state, "
    "b.state_reason, b.state_detail, b.settling_to, "
    + ", ".join(f"b.{name}" for name in COUNT_NAMES)
    + ", "
    "b.event_seq, b.oldest_seq, b.next_position, b.replaced_before, b.revision, "
    "b.created_us, b.updated_us, "
    "b.started_us, b.dispatch_ended_us, b.ended_us, b.deleted_us, "
    "a.suppressions AS account_suppressions, "
    "g.active AS agent_active, g.texts_revision AS agent_texts_revision, "
    "b.throttle_key, t.id AS throttle_id, b.carrier_config_key, "
    "k.id AS carrier_config_id, k.revision AS carrier_config_revision, k.rate_key, "
    "z.state_json AS trouble_json, "
    "a.phone_numbers AS account_phone_numbers, g.outbound_numbers AS agent_numbers, "
    f"ro.numbers_json, ro.last_key AS last_number_key, {NUMBER_RULES}"
)

SELECT_BATCH: Final = (
    f"SELECT {BATCH_COLUMNS} FROM batches b JOIN accounts a ON a.key = b.account_key "
    "JOIN agents g ON g.key = b.agent_key LEFT JOIN throttles t ON t.key = b.throttle_key "
    "LEFT JOIN carrier_configs k ON k.key = b.carrier_config_key "
    f"{troubles_of(ScopeKind.CARRIER_CONFIG, 'b.carrier_config_key', 'z')}"
    "LEFT JOIN number_rules n ON n.account_key = b.account_key "
    "LEFT JOIN rotations ro ON ro.batch_key = b.key "
)


def batch_from(row: Row) -> Batch:
    return Batch(
        batch_id=BatchId(unpack_id(row.id)),
        account_id=AccountId(unpack_id(row.account_id)),
        agent_id=AgentId(unpack_id(row.agent_id)),
        carrier=row.carrier,
        duplicates=DuplicatePolicy(row.duplicates),
        settings=_settings_from(row),
        state=BatchState(row.state),
        state_reason=row.state_reason,
        state_detail=row.state_detail,
        settling_to=None if row.settling_to is None else ScheduledCallState(row.settling_to),
        counts=BatchCounts(*(getattr(row, name) for name in COUNT_NAMES)),
        sequence=row.event_seq,
        revision=row.revision,
        created_at=moment(row.created_us),
        updated_at=moment(row.updated_us),
        started_at=moment_or_none(row.started_us),
        ended_at=moment_or_none(row.ended_us),
        deleted_at=moment_or_none(row.deleted_us),
        dispatch_ended_at=moment_or_none(row.dispatch_ended_us),
        agent_active=bool(row.agent_active),
        zone_rule=ZoneRule(row.zone_rule),
        has_other_zones=bool(row.has_other_zones),
        dial_day=row.dial_day,
        dials_on_day=row.dials_on_day,
        is_direct=bool(row.is_direct),
        window_fault=WindowFault(row.window_short),
        medium=Medium(row.medium),
        rests_until=moment_or_none(row.rests_until_us),
        needs_config=bool(row.needs_config),
        is_replacing=row.replaced_before is not None,
        has_own_configs=bool(row.has_own_configs),
    )


def rules_from(row: Row) -> AccountRules:
    """Of the batch's account."""
    numbers = number_rules_from(row)
    return AccountRules(
        has_suppressions=row.account_suppressions > 0,
        numbers=numbers if numbers.are_any else None,
        has_phone_numbers=row.account_phone_numbers > 0,
    )


def _settings_from(row: Row) -> BatchSettings:
    return BatchSettings(
        display_name=row.display_name,
        window_start=moment_or_none(row.window_start_us),
        window_end=moment_or_none(row.window_end_us),
        priority=row.priority,
        weight=row.weight,
        max_concurrent_calls=row.max_concurrent_calls,
        caller_id=row.caller_id,
        phone_numbers=listed_numbers(row.numbers_json),
        rotation=Rotation(row.rotation),
        throttle="" if row.throttle_id is None else unpack_id(row.throttle_id),
        carrier_config="" if row.carrier_config_id is None else unpack_id(row.carrier_config_id),
        unknown_policy=UnknownPolicy(row.unknown_policy),
        on_config_error=ConfigErrorPolicy(row.on_config_error),
        ring_timeout=timedelta(seconds=row.ring_timeout_s),
        max_call_duration=timedelta(seconds=row.max_call_duration_s),
        retry_policy=policy_or_none(row.retry_policy_json),
        retry_caller_id=RetryCallerId(row.retry_caller_id),
        metadata=mapping_from(row.metadata_json),
        annotations_json=row.annotations_json,
        time_zone=row.time_zone,
        calling_hours=_hours_from(row),
        max_calls_per_day=row.max_calls_per_day,
        pacing=Pacing(row.pacing),
        expected_call_duration=(
            None if row.expected_call_s is None else timedelta(seconds=row.expected_call_s)
        ),
        window_check=WindowCheck(row.window_check),
        carrier_params=mapping_from(row.carrier_params_json),
        webhook=_webhook_from(row),
    )


def _webhook_from(row: Row) -> BatchWebhook | None:
    if not row.webhook_url:
        return None
    secrets = SealedSecrets(
        row.webhook_secret,
        row.webhook_previous_secret,
        moment_or_none(row.webhook_previous_until_us),
    )
    return BatchWebhook(row.webhook_url, secrets)


def _webhook_values(webhook: BatchWebhook | None) -> dict[str, Any]:
    secrets = None if webhook is None else webhook.secrets
    return {
        "webhook_url": "" if webhook is None else webhook.url,
        "webhook_secret": None if secrets is None else secrets.current,
        "webhook_previous_secret": None if secrets is None else secrets.previous,
        "webhook_previous_until_us": (
            None if secrets is None else micros_or_none(secrets.previous_until)
        ),
    }


def _hours_from(row: Row) -> CallingHours | None:
    if row.hours_days is None:
        return None
    days = frozenset(day for day in EVERY_DAY if row.hours_days >> (day - 1) & 1)
    return CallingHours(days, row.hours_start_minute, row.hours_end_minute)


def _hours_values(hours: CallingHours | None) -> dict[str, Any]:
    if hours is None:
        return dict.fromkeys(("hours_days", "hours_start_minute", "hours_end_minute"))
    return {
        "hours_days": sum(1 << (day - 1) for day in hours.days),
        "hours_start_minute": hours.start_minute,
        "hours_end_minute": hours.end_minute,
    }


def settings_values(settings: BatchSettings) -> dict[str, Any]:
    return {
        "display_name": settings.display_name,
        "window_start_us": micros_or_none(settings.window_start),
        "window_end_us": micros_or_none(settings.window_end),
        "priority": settings.priority,
        "weight": settings.weight,
        "max_concurrent_calls": settings.max_concurrent_calls,
        "caller_id": settings.caller_id,
        "rotation": int(settings.rotation),
        "unknown_policy": int(settings.unknown_policy),
        "on_config_error": int(settings.on_config_error),
        "ring_timeout_s": int(settings.ring_timeout.total_seconds()),
        "max_call_duration_s": int(settings.max_call_duration.total_seconds()),
        "retry_policy_json": policy_text(settings.retry_policy),
        "retry_caller_id": int(settings.retry_caller_id),
        "metadata_json": mapping_json(settings.metadata),
        "annotations_json": settings.annotations_json,
        "time_zone": settings.time_zone,
        "max_calls_per_day": settings.max_calls_per_day,
        "pacing": int(settings.pacing),
        "expected_call_s": seconds_or_none(settings.expected_call_duration),
        "window_check": int(settings.window_check),
        "carrier_params_json": mapping_json(settings.carrier_params),
        **_webhook_values(settings.webhook),
        **_hours_values(settings.calling_hours),
    }


def find_batch(tx: Tx, account_id: AccountId, batch_id: BatchId) -> Row:
    """The row of a batch that its account can see."""
    packed = id_or_not_found(batch_id, Reason.BATCH_NOT_FOUND, "batch")
    row = tx.one_or_none(
        SELECT_BATCH + "WHERE b.id = :id AND b.revealed_us IS NOT NULL AND b.deleted_us IS NULL "
        "AND b.is_direct = 0",
        id=packed,
    )
    if row is None or unpack_id(row.account_id) != account_id:
        raise not_found(Reason.BATCH_NOT_FOUND, "batch", batch_id)
    return row


def batch_by_key(tx: Tx, key: int) -> Row:
    row = tx.one_or_none(SELECT_BATCH + "WHERE b.key = :key", key=key)
    assert row is not None, "keys are never removed while something refers to them"
    return row


def lock_batch(tx: Tx, key: int) -> Row:
    """The batch row is the last lock of a transaction, and what SENDING goes through."""
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM batches WHERE key = :key {tx.dialect.for_update()}", key=key)
    return batch_by_key(tx, key)


def apply_decision(
    tx: Tx,
    key: int,
    decide: Callable[[Batch, datetime], BatchChange | None],
    counted: CountedDials | None = None,
) -> BatchChange | None:
    """Locks, decides, writes the change and its event, and ends the batch if that leaves
    nothing unfinished. A change of the daily cap may need a count."""
    change = decide(batch_from(lock_batch(tx, key)), tx.now)
    if change is not None:
        save_change(tx, key, change, counted)
        finish_if_done(tx, key)
    return change


def save_change(tx: Tx, key: int, change: BatchChange, counted: CountedDials | None = None) -> None:
    after = change.batch
    values = settings_values(after.settings) | {
        "state": int(after.state),
        "state_reason": after.state_reason,
        "state_detail": after.state_detail,
        "settling_to": None if after.settling_to is None else int(after.settling_to),
        "revision": after.revision,
        "updated_us": micros_or_none(after.updated_at),
        "started_us": micros_or_none(after.started_at),
        "dispatch_ended_us": micros_or_none(after.dispatch_ended_at),
        "ended_us": micros_or_none(after.ended_at),
        "deleted_us": micros_or_none(after.deleted_at),
    }
    present = batch_by_key(tx, key)
    if _is_looked_at_anew(after, present):
        values["requeue_from"] = 0
    if after.ended_at is not None:
        # Nobody is left who could be ended, and who is retried later is not to be.
        values |= {"replaced_from": None, "replaced_before": None}
    values |= _dials_anew(tx, key, _settings_from(present), after.settings, counted)
    if after.settings.throttle != _settings_from(present).throttle:
        values["throttle_key"] = throttle_key(tx, present.account_key, after.settings.throttle)
    values |= _carrier_values(tx, present, change)
    if after.settings.phone_numbers != _settings_from(present).phone_numbers:
        write_list(tx, key, present.account_key, after.settings.phone_numbers)
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    tx.run(f"UPDATE batches SET {assignments} WHERE key = :key", key=key, **values)
    if present.max_concurrent_calls != after.settings.max_concurrent_calls:
        set_cap(tx, SlotScope(ScopeKind.BATCH, key), after.settings.max_concurrent_calls)
    append_events(tx, key, [NewEvent(change.event, change.cause, after_of(after, present.state))])


def _carrier_values(tx: Tx, present: Row, change: BatchChange) -> dict[str, Any]:
    """For a batch that is to be dialled through another account, or with other parameters of
    its carrier's. What it keeps was in order when it was written."""
    before, after = _settings_from(present), change.batch.settings
    values: dict[str, Any] = {}
    if after.carrier_config != before.carrier_config:
        config = config_of_batch(
            tx, present.account_key, after.carrier_config, change.batch.carrier
        )
        by_number = config.key is None and bool(present.needs_config)
        change.terms.refuse_config(
            config.carrier, has_credentials=config.has_credentials or by_number
        )
        values["carrier_config_key"] = config.key
        through = config.through
    elif after.carrier_params != before.carrier_params:
        through = dialled_through(tx, present.carrier_config_key, change.batch.carrier)
    else:
        return {}
    params = change.terms.written_at("batch.carrier_params", after.carrier_params, through)
    return values | {"carrier_params_json": mapping_json(params)}


def _is_looked_at_anew(after: Batch, present: Row) -> bool:
    """Whether a row that waits for a moment or for a number may go by now."""
    before = _settings_from(present)
    if after.needs_config and after.settings.carrier_config and not before.carrier_config:
        return True
    puts_off_rows = after.has_other_zones or present.account_phone_numbers > 0
    return puts_off_rows and after.settings.row_rules != before.row_rules


def _dials_anew(
    tx: Tx,
    key: int,
    before: BatchSettings,
    after: BatchSettings,
    counted: CountedDials | None,
) -> dict[str, int]:
    """For a cap that is new, or of other days than before."""
    cap, days = after.max_calls_per_day, after.time_zone
    if cap is None or (before.max_calls_per_day is not None and before.time_zone == days):
        return {}
    return dials_today(tx, key, days, counted)


def after_of(batch: Batch, before: int | None = None) -> BatchAfter:
    """`before` is the state that it was in, where the event may have changed it."""
    state = int(batch.state)
    return BatchAfter(
        state,
        batch.state_reason,
        batch.state_detail,
        batch.counts.total,
        None if before == state else before,
    )


def finish_if_done(tx: Tx, key: int) -> None:
    change = finish(batch_from(batch_by_key(tx, key)), tx.now)
    if change is not None:
        save_change(tx, key, change)
