"""Claims as they are written: a slot in every scope, and a call for each row."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from outdial_server.domain.call import CallState, CallTexts, CallTimes
from outdial_server.domain.calling_hours import HoursByZone
from outdial_server.domain.carrier_config import Dialler
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.medium import Medium, carrier_of
from outdial_server.domain.number_rotation import CallerId
from outdial_server.domain.slots import SlotOwners
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import (
    length_or_none,
    mapping_from,
    micros,
    moment,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.call_texts import ParsedAgents, render_texts
from outdial_server.storage.verbs.due_rows import Waiting, zone_of
from outdial_server.storage.verbs.held_rows import HELD_US
from outdial_server.storage.verbs.ledger import count_scopes, take_slots
from outdial_server.storage.verbs.runnable import Runnable


class _Call(NamedTuple):
    """The call that a row was given."""

    key: int
    call_id: str
    fence: int
    caller_id: str
    dialler: Dialler
    shows_agent_number: bool


def claim_rows(
    tx: Tx,
    r: Runnable,
    chosen: Waiting,
    agents: ParsedAgents,
    ready_since: datetime,
    lease: timedelta,
) -> list[ClaimedCall]:
    """Of rows that no gate blocks."""
    rows = chosen.due
    if not rows:
        return []
    shown = {row.key: one for row, one in zip(rows, chosen.caller_ids, strict=True)}
    owners = {row.key: _owners(r, shown[row.key]) for row in rows}
    take_slots(tx, count_scopes(Counter(owners.values())))
    calls = _write_calls(tx, r, rows, shown, owners, micros(tx.now + lease))
    sql = tx.dialect.update_each(
        "scheduled_calls",
        _ROW_SET,
        _ROW_GUARD,
        _ROW_COLUMNS,
    )
    tx.update_each(sql, [(key, call.key) for key, call in calls.items()])
    times, closes_at = r.batch.settings.call_times, _closing(tx, r)
    texts = agents.texts_of(tx, r)
    return [
        _claimed(
            r,
            row,
            calls[row.key],
            times=_times(times, row),
            dial_before=None if closes_at is None else closes_at(row),
            # Who was held for want of a number is ready when there is one: now.
            ready_at=tx.now if row.due_us == HELD_US else max(moment(row.due_us), ready_since),
            claimed_at=tx.now,
            texts=render_texts(texts, calls[row.key].call_id, row.context_json),
        )
        for row in rows
    ]


def _owners(r: Runnable, shown: CallerId) -> SlotOwners:
    owners, number, account = r.owners, shown.number, shown.dialled_with
    if number is None and account is None:
        return owners
    return owners._replace(
        phone_number_key=owners.phone_number_key if number is None else number.key,
        carrier_config_key=owners.carrier_config_key if account is None else account.key,
    )


def _seen(r: Runnable, shown: CallerId) -> tuple[str, Dialler, bool]:
    """What whoever dials is told of it: the text, the account at the carrier, and whether it
    is the agent's."""
    account = shown.dialled_with
    dialler = Dialler(r.batch.carrier, r.carrier_config)
    if account is not None:
        dialler = Dialler(account.carrier or r.batch.carrier, account.ref)
    return shown.text, dialler, shown.is_chosen and not r.names_numbers


def _closing(tx: Tx, r: Runnable) -> Callable[[Row], datetime] | None:
    """When the hours of a row close that are open now."""
    hours = r.batch.settings.calling_hours
    if hours is None:
        return None
    opening = HoursByZone(hours)
    return lambda row: opening(zone_of(r.batch, row), tx.now).closes_at


_ROW_COLUMNS: Final = (("key", Kind.INT), ("call_key", Kind.INT))
# Since when it was due is kept: who is given back stands where they stood.
_ROW_SET: Final = "ready_us = coalesce(ready_us, due_us), due_us = NULL, call_key = r.call_key"
_ROW_GUARD: Final = "scheduled_calls.key = r.key"


def _write_calls(
    tx: Tx,
    r: Runnable,
    rows: Sequence[Row],
    shown: Mapping[int, CallerId],
    owners: Mapping[int, SlotOwners],
    until_us: int,
) -> dict[int, _Call]:
    """The calls, by row. A call that was never sent is used again: same id, same attempt
    number, fence one higher."""
    claimed = int(CallState.CLAIMED)
    unsent = [row for row in rows if row.call_state == claimed]
    fresh = [row for row in rows if row.call_state != claimed]
    _take_again(tx, r, unsent, shown, owners, until_us)
    again = {
        row.key: _Call(
            row.call_key, unpack_id(row.call_id), row.fence + 1, *_seen(r, shown[row.key])
        )
        for row in unsent
    }
    return again | _write_fresh(tx, r, fresh, shown, owners, until_us)


def _take_again(
    tx: Tx,
    r: Runnable,
    rows: Sequence[Row],
    shown: Mapping[int, CallerId],
    owners: Mapping[int, SlotOwners],
    until_us: int,
) -> None:
    ring_s, duration_s = _times_s(r.batch.settings.call_times)
    tx.run_many(
        "UPDATE calls SET fence = fence + 1, holds_slot = 1, trusted_until_us = :until, "
        "lookups = 0, reason = NULL, caller_id = :caller_id, ring_timeout_s = :ring, "
        "max_duration_s = :duration, carrier_config_key = :carrier_config, "
        "phone_number_key = :number WHERE key = :key",
        [
            {
                "key": row.call_key,
                "until": until_us,
                "caller_id": shown[row.key].text or None,
                "ring": ring_s if row.ring_timeout_s is None else row.ring_timeout_s,
                "duration": duration_s if row.max_duration_s is None else row.max_duration_s,
                "carrier_config": owners[row.key].carrier_config_key,
                "number": owners[row.key].phone_number_key,
            }
            for row in rows
        ],
    )


_CALL_COLUMNS: Final = (
    "id",
    *SlotOwners._fields,
    "scheduled_key",
    "attempt",
    "state",
    "fence",
    "trusted_until_us",
    "holds_slot",
    "ring_timeout_s",
    "max_duration_s",
    "caller_id",
)


def _write_fresh(
    tx: Tx,
    r: Runnable,
    rows: Sequence[Row],
    shown: Mapping[int, CallerId],
    owners: Mapping[int, SlotOwners],
    until_us: int,
) -> dict[int, _Call]:
    if not rows:
        return {}
    ids = tx.ids.new_ids(len(rows))
    packed = [pack_id(new_id) for new_id in ids]
    state = int(CallState.CLAIMED)
    ring_s, duration_s = _times_s(r.batch.settings.call_times)
    tx.insert(
        "calls",
        _CALL_COLUMNS,
        [
            (
                new_id,
                *owners[row.key],
                row.key,
                row.attempts + 1,
                state,
                1,
                until_us,
                1,
                ring_s if row.ring_timeout_s is None else row.ring_timeout_s,
                duration_s if row.max_duration_s is None else row.max_duration_s,
                shown[row.key].text or None,
            )
            for new_id, row in zip(packed, rows, strict=True)
        ],
    )
    made = tx.all(
        f"SELECT key, scheduled_key FROM calls WHERE {tx.dialect.id_in('id', 'ids')}",
        ids=tx.dialect.id_list(packed),
    )
    id_of = {row.key: new_id for row, new_id in zip(rows, ids, strict=True)}
    return {
        call.scheduled_key: _Call(
            call.key, id_of[call.scheduled_key], 1, *_seen(r, shown[call.scheduled_key])
        )
        for call in made
    }


def _claimed(
    r: Runnable,
    row: Row,
    call: _Call,
    *,
    times: CallTimes,
    dial_before: datetime | None,
    ready_at: datetime,
    claimed_at: datetime,
    texts: CallTexts | None,
) -> ClaimedCall:
    medium = r.batch.medium if row.medium is None else Medium(row.medium)
    return ClaimedCall(
        call_id=CallId(call.call_id),
        fence=call.fence,
        account_id=AccountId(r.batch.account_id),
        batch_id=None if r.batch.is_direct else r.batch.batch_id,
        carrier=carrier_of(medium, call.dialler.carrier),
        carrier_config=call.dialler.config,
        address=row.address,
        caller_id=call.caller_id,
        times=times,
        template_context_json=row.context_json or "",
        metadata_json=row.metadata_json or "",
        ready_at=ready_at,
        claimed_at=claimed_at,
        batch_revision=r.batch.revision,
        dial_before=dial_before,
        has_daily_cap=r.batch.settings.max_calls_per_day is not None,
        texts=texts,
        time_zone=None if r.rules.numbers is None else zone_of(r.batch, row),
        shows_agent_number=call.shows_agent_number,
        carrier_params=_params(r, row),
        webhook=r.batch.settings.webhook if medium is Medium.WEBHOOK else None,
    )


def _params(r: Runnable, row: Row) -> Params:
    """The person's come before the batch's, which may mean nothing to the carrier of a config of
    the person's own."""
    of_batch = r.batch.settings.carrier_params if row.carrier_config_key is None else {}
    if row.carrier_params_json is None:
        return of_batch
    return {**of_batch, **mapping_from(row.carrier_params_json)}


def _times(of_batch: CallTimes, row: Row) -> CallTimes:
    if row.ring_timeout_s is None and row.max_duration_s is None:
        return of_batch
    ring, duration = length_or_none(row.ring_timeout_s), length_or_none(row.max_duration_s)
    return CallTimes(ring or of_batch.ring_timeout, duration or of_batch.max_duration)


def _times_s(times: CallTimes) -> tuple[int, int]:
    return int(times.ring_timeout.total_seconds()), int(times.max_duration.total_seconds())
