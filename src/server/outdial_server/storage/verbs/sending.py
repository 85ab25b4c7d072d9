"""SENDING: the commit before the request. It goes through the batch row, so that a batch
that was paused, cancelled, closed or changed a moment ago lets nothing more go."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_pace import Pace
from outdial_server.domain.event import EventType
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.silence import LEASE
from outdial_server.domain.slots import ScopeKind, SlotOwners, SlotScope
from outdial_server.domain.trouble import Trouble
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import by_number, json_text, micros, pack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.call_texts import write_texts
from outdial_server.storage.verbs.counting import BatchMoves, apply_moves
from outdial_server.storage.verbs.daily_caps import within_caps
from outdial_server.storage.verbs.ledger import (
    OWNER_COLUMNS,
    free_slots_of_calls,
    lock_slots_of_calls,
    owners_of,
)
from outdial_server.storage.verbs.log import NewEvent, RowAfter
from outdial_server.storage.verbs.number_log import note_calls, within_number_rules
from outdial_server.storage.verbs.own_numbers import read_usable
from outdial_server.storage.verbs.quarantine import may_dial, note_dialled
from outdial_server.storage.verbs.suppressed import NORMAL_FORM, find_suppressed
from outdial_server.storage.verbs.throttle_log import Reading, count_hits, read_throttles
from outdial_server.storage.verbs.troubles import (
    TROUBLE_COLUMNS,
    TROUBLES_OF_CALLS,
    let_through,
    lock_troubles,
    note_probes,
    troubled_scopes,
)

_KEYED: Final = (("key", Kind.INT), ("fence", Kind.INT))

_SENDING_COLUMNS: Final = (
    *_KEYED,
    ("now", Kind.INT),
    ("lease", Kind.INT),
    ("throttle", Kind.INT),
    ("rate", Kind.INT),
    ("rate_at", Kind.INT),
    ("numbered", Kind.INT),
)
_SENDING_SET: Final = (
    f"state = {int(CallState.SENDING)}, sent_us = r.now, trusted_until_us = r.lease, "
    "throttle_key = nullif(r.throttle, 0), rate_key = nullif(r.rate, 0), "
    "rate_us = nullif(r.rate_at, 0), number_counted = r.numbered"
)
_SENDING_GUARD: Final = (
    f"calls.key = r.key AND calls.fence = r.fence AND calls.state = {int(CallState.CLAIMED)}"
)


class Marked(NamedTuple):
    """Calls that are SENDING now, and those that were held back: their batch has stopped,
    their address is on the do-not-call list or has been called enough, the number that they
    show cannot be used any more, or their throttle or carrier config had no room."""

    sending: list[ClaimedCall]
    held_back: list[ClaimedCall]
    # A throttle was asked: when the next may go is another question now.
    throttled: bool


def mark_sending(tx: Tx, group: Sequence[ClaimedCall], lease: timedelta = LEASE) -> Marked:
    """A call of the group that is in neither list was no longer ours."""
    if not may_dial(tx):
        return Marked([], list(group), throttled=False)
    # Of two claims of one call the newer counts: the older was given back.
    by_id = {pack_id(call.call_id): call for call in sorted(group, key=lambda call: call.fence)}
    ours = [r for r in _read(tx, list(by_id)) if r.fence == by_id[r.id].fence]
    # Who came on the do-not-call list since the claim is given back, and skipped there.
    suppressed = _suppressed(tx, ours)
    revisions = _revisions(by_id, ours)
    free = [
        row
        for row in ours
        if row.key not in suppressed and _stands(tx, by_id[row.id], revisions[row.batch_key])
    ]
    free = _with_usable_numbers(tx, free, by_id)
    troubles = lock_troubles(tx, troubled_scopes(free))
    free = let_through(tx, free, troubles)
    free = within_number_rules(tx, free, by_id)
    windows = {row.key: _windows(row) for row in free}
    keys = {key for of_row in set(windows.values()) for key in of_row}
    throttles = read_throttles(tx, keys, _paces(free, troubles), lock=True)
    free = _admitted(free, windows, throttles)
    capped = {row.batch_key for row in free if by_id[row.id].has_daily_cap}
    if capped:
        free = within_caps(tx, free)
    moves = BatchMoves()
    for row in free:
        moves.record(row.batch_key, _sending_event(row))
    for batch, calls in Counter(row.batch_key for row in free).items():
        if batch in capped:
            moves.count_dials(batch, calls)
        moves.move(batch, ScheduledCallState.WAITING, ScheduledCallState.DIALING, calls)
        moves.count(batch, "sends_in_flight", calls)
    let_go = apply_moves(tx, moves, revisions=revisions).changed
    sending = [row for row in free if row.batch_key in let_go]
    if throttles:
        count_hits(tx, throttles, Counter(key for row in sending for key in windows[row.key]))
    note_probes(tx, sending, troubles)
    counted_at = {key: reading.at_us for key, reading in throttles.items()}
    sent_us = {row.key: counted_at.get(row.throttle_key, tx.now_us) for row in sending}
    _write(tx, sending, sent_us, counted_at, tx.now + lease)
    note_calls(tx, [row for row in sending if row.has_number_rules], sent_us)
    write_texts(tx, [(row.key, by_id[row.id].texts) for row in sending])
    if sending:
        note_dialled(tx)
    sent = {row.id for row in sending}
    held_back = [by_id[row.id] for row in ours if row.id not in sent]
    return Marked([by_id[row.id] for row in sending], held_back, throttled=bool(throttles))


def _with_usable_numbers(
    tx: Tx, rows: Sequence[Row], by_id: Mapping[bytes, ClaimedCall]
) -> list[Row]:
    """A number may have been made inactive since the claim, or deleted, or taken from the agent
    whose number it was."""
    keys = {row.phone_number_key for row in rows if row.phone_number_key is not None}
    agents = read_usable(tx, keys) if keys else {}

    def may_show(row: Row) -> bool:
        key = row.phone_number_key
        if key is None:
            return True
        is_its_own = not by_id[row.id].shows_agent_number or agents.get(key) == row.agent_key
        return key in agents and is_its_own

    return [row for row in rows if may_show(row)]


def _admitted(
    rows: Sequence[Row],
    windows: Mapping[int, tuple[int, ...]],
    throttles: Mapping[int, Reading],
) -> list[Row]:
    """As many of each throttle and rate as it has left, the first of the group."""
    if not throttles:
        return list(rows)
    left = {key: reading.use.left for key, reading in throttles.items()}
    admitted = []
    for row in rows:
        of_row = windows[row.key]
        if all(left[key] for key in of_row):
            admitted.append(row)
            for key in of_row:
                left[key] -= 1
    return admitted


def _paces(rows: Sequence[Row], troubles: Mapping[SlotScope, Trouble]) -> dict[int, Pace | None]:
    if not troubles:
        return {}
    of_config = {row.rate_key: row.troubled_config for row in rows if row.troubled_config}
    scopes = {
        rate_key: SlotScope(ScopeKind.CARRIER_CONFIG, config)
        for rate_key, config in of_config.items()
        if rate_key is not None
    }
    return {
        rate_key: troubles[scope].pace for rate_key, scope in scopes.items() if scope in troubles
    }


def _windows(row: Row) -> tuple[int, ...]:
    """The throttles that count the call: its batch's own, and its carrier config's rate."""
    return tuple(key for key in (row.throttle_key, row.rate_key) if key is not None)


def _revisions(by_id: Mapping[bytes, ClaimedCall], rows: Sequence[Row]) -> dict[int, int]:
    """By batch, the newest one that a claim was made under."""
    revisions: dict[int, int] = {}
    for row in rows:
        claimed_under = by_id[row.id].batch_revision
        revisions[row.batch_key] = max(revisions.get(row.batch_key, 0), claimed_under)
    return revisions


def _stands(tx: Tx, call: ClaimedCall, revision: int) -> bool:
    """Whether what the claim was decided by still holds: the batch's settings, of which the
    batch row has the last word, and the hours that were open."""
    is_open = call.dial_before is None or tx.now < call.dial_before
    return is_open and call.batch_revision == revision


def _suppressed(tx: Tx, rows: Sequence[Row]) -> frozenset[int]:
    """Calls, by key, to addresses that may not be dialled now. Where the list was empty at
    the read, it was so at the claim, too, or the claim was taken away: see
    `verbs.suppressions`."""
    by_account: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row.suppressions:
            by_account[row.account_key].append(row)
    found: set[int] = set()
    for account, of_account in by_account.items():
        addresses = find_suppressed(tx, account, {row.normal_form for row in of_account})
        found.update(row.key for row in of_account if row.normal_form in addresses)
    return frozenset(found)


def _read(tx: Tx, ids: Sequence[bytes]) -> list[Row]:
    """Claims that still stand, locked: a reaper that comes now waits, and then finds them
    SENDING."""
    return list(
        tx.all(
            "SELECT c.key, c.id, c.fence, c.account_key, c.agent_key, c.batch_key, "
            f"c.scheduled_key, c.attempt, s.dispatch_outcome, {NORMAL_FORM} AS normal_form, "
            "a.suppressions, b.throttle_key, k.rate_key, c.phone_number_key, "
            f"n.account_key IS NOT NULL AS has_number_rules, {TROUBLE_COLUMNS} "
            "FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
            "JOIN accounts a ON a.key = c.account_key JOIN batches b ON b.key = c.batch_key "
            "LEFT JOIN carrier_configs k ON k.key = c.carrier_config_key "
            "LEFT JOIN number_rules n ON n.account_key = c.account_key "
            f"{TROUBLES_OF_CALLS}"
            f"WHERE {tx.dialect.id_in('c.id', 'ids')} AND c.state = {int(CallState.CLAIMED)} "
            f"AND c.holds_slot = 1 {tx.dialect.lock_in_order('c.key')}",
            ids=tx.dialect.id_list(ids),
        )
    )


def _sending_event(row: Row) -> NewEvent:
    after = RowAfter(
        scheduled_key=row.scheduled_key,
        call_key=row.key,
        state=_DIALING,
        reason="",
        dispatch_outcome=_DISPATCH_OUTCOMES[row.dispatch_outcome],
        attempt=row.attempt,
        call_state=_SENDING,
        disposition=None,
    )
    return NewEvent(_CALL_SENDING, "SCHEDULER", after)


_DISPATCH_OUTCOMES: Final = by_number(DispatchOutcome)
# See `domain.transition` for why members have names of their own.
_CALL_SENDING, _SENDING = EventType.CALL_SENDING, CallState.SENDING
_DIALING = ScheduledCallState.DIALING


def _write(
    tx: Tx,
    rows: Sequence[Row],
    sent_us: Mapping[int, int],
    counted_at: Mapping[int, int],
    until: datetime,
) -> None:
    """A call that was counted by a throttle is sent at the moment of the count: by both it is
    found when it turns out that it was not. Of a rate the moment stands beside it."""
    if not rows:
        return
    lease = micros(until)
    sql = tx.dialect.update_each("calls", _SENDING_SET, _SENDING_GUARD, _SENDING_COLUMNS)
    changed = tx.update_each(
        sql,
        [
            (
                row.key,
                row.fence,
                sent_us[row.key],
                lease,
                row.throttle_key or 0,
                row.rate_key or 0,
                counted_at.get(row.rate_key, 0),
                int(row.has_number_rules),
            )
            for row in rows
        ],
    )
    assert changed == len(rows), "locked rows changed under us"


def give_back(tx: Tx, group: Sequence[ClaimedCall]) -> int:
    """Claims that will not be sent: the slot is free, and the row waits again in its old place."""
    fences = {pack_id(call.call_id): call.fence for call in group}
    # Not locked: the ledger comes first, and the fence tells who was faster.
    rows = tx.all(
        f"SELECT c.key, c.id FROM calls c WHERE {tx.dialect.id_in('c.id', 'ids')}",
        ids=tx.dialect.id_list(list(fences)),
    )
    return release_claims(tx, [(row.key, fences[row.id]) for row in rows])


def release_claims(tx: Tx, claims: Sequence[tuple[int, int]]) -> int:
    """Releases claims, by call key and fence, that were never sent. The fence moves on, so
    that whoever held one can no longer send it: only that makes the slot free."""
    if not claims:
        return 0
    rows = tx.dialect.rows("rows", _KEYED)
    claims_json = json_text(claims)
    among = f"FROM calls c WHERE c.key IN (SELECT r.key FROM {rows} AS r)"
    lock_slots_of_calls(tx, tx.all(f"SELECT {OWNER_COLUMNS} {among}", rows=claims_json))
    if tx.dialect.locks_rows:
        # The UPDATE takes them as it comes, and whoever is sending them goes by key.
        tx.all(f"SELECT c.key {among} {tx.dialect.lock_in_order('c.key')}", rows=claims_json)
    released = tx.all(
        f"UPDATE calls SET fence = calls.fence + 1, holds_slot = 0, trusted_until_us = NULL "
        f"FROM {rows} AS r WHERE calls.key = r.key AND calls.fence = r.fence "
        f"AND state = {int(CallState.CLAIMED)} AND holds_slot = 1 "
        f"RETURNING scheduled_key, {', '.join(SlotOwners._fields)}",
        rows=claims_json,
    )
    tx.run_many(
        "UPDATE scheduled_calls SET due_us = coalesce(ready_us, :now), ready_us = NULL "
        "WHERE key = :key AND final_state IS NULL",
        [{"key": row.scheduled_key, "now": tx.now_us} for row in released],
    )
    free_slots_of_calls(tx, Counter(map(owners_of, released)))
    return len(released)
