"""Reports applied in groups: call, scheduled call, slots, counts and events together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from outdial_server.domain.batch import (
    Batch,
    BatchChange,
    ConfigErrorPolicy,
    UnknownPolicy,
    carrier_misconfigured,
)
from outdial_server.domain.call import CallState, CallTimes, Disposition
from outdial_server.domain.claims import dialing_rank
from outdial_server.domain.ids import CallId
from outdial_server.domain.medium import Medium
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.retry_policy import RetryTerms
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCallState,
    state_while_open,
)
from outdial_server.domain.slots import SlotOwners
from outdial_server.domain.transition import (
    TELLS_THE_END,
    CallFacts,
    Transition,
    advance,
    in_order,
)
from outdial_server.ports.dispatch import Applied
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import by_number, micros, micros_or_none, pack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import apply_decision
from outdial_server.storage.verbs.contact_calls import EndedCall, count_ended
from outdial_server.storage.verbs.counting import BatchMoves, apply_moves, finish_done
from outdial_server.storage.verbs.daily_caps import note_not_sent
from outdial_server.storage.verbs.ledger import (
    OWNER_COLUMNS,
    free_slots_of_calls,
    lock_slots_of_calls,
    owners_of,
)
from outdial_server.storage.verbs.log import NewEvent, RowAfter
from outdial_server.storage.verbs.number_log import NumberedCall, forget_calls, note_ends
from outdial_server.storage.verbs.retry_terms import read_terms
from outdial_server.storage.verbs.throttle_log import take_back
from outdial_server.storage.verbs.troubles import TROUBLE_COLUMNS, TROUBLES_OF_CALLS, Signs

_SELECT: Final = (
    f"SELECT c.key, c.id, {OWNER_COLUMNS}, c.scheduled_key, c.attempt, "
    "c.state, c.fence, c.carrier_call_id, c.holds_slot, c.accepted_us, c.answered_us, "
    "c.disposition, "
    "c.ring_timeout_s, c.max_duration_s, c.throttle_key, c.sent_us, c.rate_key, c.rate_us, "
    f"c.number_counted, c.recalled_us, {TROUBLE_COLUMNS}, s.contact_id, s.dispatch_outcome, "
    "coalesce(s.medium, b.medium) AS medium, s.priority, b.unknown_policy, "
    "b.max_calls_per_day, b.time_zone, "
    "b.on_config_error, b.retry_policy_json IS NOT NULL AS has_retry_policy "
    "FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
    f"JOIN batches b ON b.key = c.batch_key {TROUBLES_OF_CALLS}"
)


@dataclass(slots=True)
class _CallWork:
    """One call of the group: as it was read, and as its reports leave it."""

    row: Row
    facts: CallFacts
    # Moments that the reports bring, by column.
    stamps: dict[str, int] = field(default_factory=dict)
    last: Transition | None = None


class _Step(NamedTuple):
    """What counts of a transition. Most calls of a group take the same ones."""

    batch: int
    before: CallState
    outcome_before: DispatchOutcome
    after: CallState
    final_state: ScheduledCallState | None
    outcome: DispatchOutcome


@dataclass(slots=True)
class _Group:
    moves: BatchMoves = field(default_factory=BatchMoves)
    steps: Counter[_Step] = field(default_factory=Counter)
    # Calls whose slots came free.
    freed: Counter[SlotOwners] = field(default_factory=Counter)
    changed: list[_CallWork] = field(default_factory=list)
    misconfigured: dict[int, str] = field(default_factory=dict)
    # Until when batches dial nobody.
    resting: dict[int, datetime] = field(default_factory=dict)
    # Counted by throttles and rates and not placed, by throttle and moment.
    unplaced: Counter[tuple[int, int]] = field(default_factory=Counter)
    # Calls that rules for numbers have counted: they ended, or were not placed.
    numbers_ended: list[NumberedCall] = field(default_factory=list)
    numbers_unplaced: list[NumberedCall] = field(default_factory=list)
    signs: Signs = field(default_factory=Signs)
    applied: int = 0
    ignored: int = 0
    requeued: bool = False
    unknown: bool = False


def apply_reports(tx: Tx, reports: Sequence[CallReport], callback_keys: Sequence[int]) -> Applied:
    group = _Group()
    by_call = _by_call(group, reports)
    works = _read(tx, by_call)
    for call_id, of_call in by_call.items():
        work = works.get(call_id)
        if work is None:
            group.ignored += len(of_call)
        else:
            _advance(tx, group, work, of_call)
    _write_calls(tx, group.changed)
    _write_rows(tx, group.changed)
    count_ended(tx, _calls_to_contacts(group.changed))
    free_slots_of_calls(tx, group.freed)
    relieved = group.signs.note(tx)
    take_back(tx, group.unplaced)
    note_ends(tx, group.numbers_ended)
    forget_calls(tx, group.numbers_unplaced)
    for step, calls in group.steps.items():
        _count(group.moves, step, calls)
    moved = apply_moves(tx, group.moves)
    _let_rest(tx, group.resting)
    # First: a batch whose last call the carrier refused like this has failed, not completed.
    for batch_key, detail in group.misconfigured.items():
        apply_decision(tx, batch_key, _misconfigured(detail))
    finish_done(tx, moved)
    _remove_callbacks(tx, callback_keys)
    return Applied(
        changed=group.applied,
        ignored=group.ignored,
        freed=bool(group.freed) or group.requeued or relieved,
        unknown=group.unknown,
        settling=group.requeued or bool(group.misconfigured),
    )


def _let_rest(tx: Tx, resting: Mapping[int, datetime]) -> None:
    """Batch rows are locked by now."""
    tx.run_many(
        "UPDATE batches SET rests_until_us = :until WHERE key = :key",
        [{"key": key, "until": micros(until)} for key, until in resting.items()],
    )


def _misconfigured(detail: str) -> Callable[[Batch, datetime], BatchChange | None]:
    return lambda batch, now: carrier_misconfigured(batch, detail, now)


def _by_call(group: _Group, reports: Iterable[CallReport]) -> dict[bytes, list[CallReport]]:
    grouped: defaultdict[bytes, list[CallReport]] = defaultdict(list)
    for report in reports:
        try:
            grouped[pack_id(report.call_id)].append(report)
        except ValueError:
            # The id is what a carrier sent back: one that is none must not stop the group.
            group.ignored += 1
    return {
        call: of_call if len(of_call) == 1 else in_order(of_call)
        for call, of_call in grouped.items()
    }


def _read(tx: Tx, reports: Mapping[bytes, Sequence[CallReport]]) -> dict[bytes, _CallWork]:
    if not reports:
        return {}
    ids = list(reports)
    among = f"WHERE {tx.dialect.id_in('c.id', 'ids')}"
    id_list = tx.dialect.id_list(ids)
    if tx.dialect.locks_rows:
        # The ledger comes before the calls; whom a call counts against never changes while
        # it holds a slot.
        calls = tx.all(f"SELECT DISTINCT {OWNER_COLUMNS} FROM calls c {among}", ids=id_list)
        lock_slots_of_calls(tx, calls)
    rows = tx.all(f"{_SELECT}{among} {tx.dialect.lock_in_order('c.key')}", ids=id_list)
    terms = read_terms(tx, [r for r in rows if r.has_retry_policy and _may_end(reports[r.id])])
    return {row.id: _CallWork(row, _facts(row, terms.get(row.key))) for row in rows}


def _may_end(reports: Sequence[CallReport]) -> bool:
    return any(report.kind in TELLS_THE_END for report in reports)


def _facts(row: Row, retry: RetryTerms | None) -> CallFacts:
    accepted = row.accepted_us is not None
    return CallFacts(
        state=_CALL_STATES[row.state],
        fence=row.fence,
        carrier_call_id=row.carrier_call_id or "",
        answered=row.answered_us is not None,
        holds_slot=bool(row.holds_slot),
        dispatch_outcome=_ACCEPTED if accepted else _DISPATCH_OUTCOMES[row.dispatch_outcome],
        unknown_policy=_UNKNOWN_POLICIES[row.unknown_policy],
        on_config_error=_CONFIG_ERROR_POLICIES[row.on_config_error],
        times=_times(row.ring_timeout_s, row.max_duration_s),
        retry=retry,
        heard_machine=row.disposition == _MACHINE,
        is_paced=row.carrier_config_key is not None,
        shows_number=row.phone_number_key is not None,
        is_recalled=row.recalled_us is not None,
        medium=_MEDIA[row.medium],
    )


_CALL_STATES: Final = by_number(CallState)
_MEDIA: Final = by_number(Medium)
_DISPATCH_OUTCOMES: Final = by_number(DispatchOutcome)
_UNKNOWN_POLICIES: Final = by_number(UnknownPolicy)
_CONFIG_ERROR_POLICIES: Final = by_number(ConfigErrorPolicy)
# See `domain.transition` for why members have names of their own.
_ACCEPTED: Final = DispatchOutcome.ACCEPTED
_MACHINE: Final = int(Disposition.ANSWERED_MACHINE)
_CLAIMED, _UNKNOWN = CallState.CLAIMED, CallState.UNKNOWN


@lru_cache(maxsize=1024)
def _times(ring_timeout_s: int, max_duration_s: int) -> CallTimes:
    return CallTimes(timedelta(seconds=ring_timeout_s), timedelta(seconds=max_duration_s))


def _advance(tx: Tx, group: _Group, work: _CallWork, reports: Sequence[CallReport]) -> None:
    facts, transition = work.facts, None
    for report in reports:
        if report.evidence is not None and report.fence == work.row.fence:
            group.signs.hear(work.row, report)
        # Mostly there is one report, and nobody asks what it made of the facts.
        facts = facts if transition is None else _facts_after(facts, transition)
        transition = advance(facts, report, tx.now)
        if transition is None:
            group.ignored += 1
            continue
        group.applied += 1
        _note(tx, group, work, facts, transition, report)
    if work.last is None:
        return
    group.changed.append(work)
    if work.facts.holds_slot and not work.last.holds_slot:
        group.freed[owners_of(work.row)] += 1
        if work.row.number_counted:
            group.numbers_ended.append((work.row.key, work.row.sent_us))


def _note(
    tx: Tx,
    group: _Group,
    work: _CallWork,
    before: CallFacts,
    transition: Transition,
    report: CallReport,
) -> None:
    """One transition: its event and its counts."""
    batch, after = work.row.batch_key, transition.state
    step = _Step(
        batch,
        before.state,
        before.dispatch_outcome,
        after,
        transition.final_state,
        transition.dispatch_outcome,
    )
    group.steps[step] += 1
    if after is _CLAIMED:
        note_not_sent(tx, group.moves, work.row)
    _stamp(work, transition, report.kind, tx.now_us)
    if transition.event is not None:
        group.moves.record(batch, _event(work, transition))
    if report.batch_rests is not None:
        group.resting[batch] = tx.now + report.batch_rests
    if transition.misconfigured:
        group.misconfigured[batch] = report.reason
    if transition.unplaced:
        _give_counts_back(group, work.row)
    if (transition.unplaced or transition.unrung) and work.row.number_counted:
        group.numbers_unplaced.append((work.row.key, work.row.sent_us))
    group.requeued |= transition.due_at is not None
    group.unknown |= after is _UNKNOWN
    if before.state is _UNKNOWN and after is not _UNKNOWN:
        tx.happened.resolved[report.kind] += 1
    work.last = _joined(work.last, transition)


def _give_counts_back(group: _Group, call: Row) -> None:
    counted = ((call.throttle_key, call.sent_us), (call.rate_key, call.rate_us))
    group.unplaced.update((key, at_us) for key, at_us in counted if key is not None)


def _joined(last: Transition | None, transition: Transition) -> Transition:
    """What is written of several transitions: the last one, and what was learnt with no
    event of its own beside it."""
    if last is None or transition.event is not None:
        return transition
    return last._replace(
        carrier_call_id=transition.carrier_call_id,
        disposition=transition.disposition or last.disposition,
    )


def _facts_after(before: CallFacts, transition: Transition) -> CallFacts:
    return before._replace(
        state=transition.state,
        carrier_call_id=transition.carrier_call_id,
        answered=before.answered or transition.state is CallState.IN_PROGRESS,
        holds_slot=transition.holds_slot,
        dispatch_outcome=transition.dispatch_outcome,
        heard_machine=before.heard_machine or transition.disposition == _MACHINE,
    )


def _visible(state: CallState, final: ScheduledCallState | None) -> ScheduledCallState:
    return final or state_while_open(state)


def _count(moves: BatchMoves, step: _Step, calls: int) -> None:
    batch, before, after = step.batch, step.before, step.after
    moves.move(batch, state_while_open(before), _visible(after, step.final_state), calls)
    for state, name in _STATE_COUNTS:
        moves.count(batch, name, calls * (int(after is state) - int(before is state)))
    newly_accepted = step.outcome is _ACCEPTED and step.outcome_before is not _ACCEPTED
    moves.count(batch, "dispatch_accepted", calls * int(newly_accepted))
    refused = step.final_state is not None and step.outcome is DispatchOutcome.REFUSED
    moves.count(batch, "dispatch_refused", calls * int(refused))


_STATE_COUNTS: Final = (
    (CallState.UNKNOWN, "unknown"),
    (CallState.SENDING, "sends_in_flight"),
)

_PROOF_OF_ACCEPTANCE: Final = frozenset(
    {ReportKind.ACCEPTED, ReportKind.RINGING, ReportKind.ANSWERED, ReportKind.ENDED}
)

_STAMP_OF: Final = {
    CallState.ACCEPTED: "accepted_us",
    CallState.RINGING: "ringing_us",
    CallState.IN_PROGRESS: "answered_us",
    CallState.ENDED: "ended_us",
}


def _stamp(work: _CallWork, transition: Transition, kind: ReportKind, now_us: int) -> None:
    column = _STAMP_OF.get(transition.state)
    if column is not None and transition.event is not None:
        work.stamps[column] = now_us
    # Whoever rings or has ended was accepted; a retry of an accepted one need not be.
    if kind in _PROOF_OF_ACCEPTANCE and not work.row.accepted_us:
        work.stamps.setdefault("accepted_us", now_us)


def _event(work: _CallWork, transition: Transition) -> NewEvent:
    final = transition.final_state
    assert transition.event is not None
    after = RowAfter(
        scheduled_key=work.row.scheduled_key,
        call_key=work.row.key,
        state=_visible(transition.state, final),
        reason=transition.state_reason,
        dispatch_outcome=transition.dispatch_outcome,
        attempt=work.row.attempt,
        call_state=None if transition.state is _CLAIMED else transition.state,
        disposition=transition.disposition,
        due_us=micros_or_none(transition.due_at),
    )
    return NewEvent(transition.event, transition.cause, after)


_CALL_COLUMNS: Final = (
    ("key", Kind.INT),
    ("old_fence", Kind.INT),
    ("old_state", Kind.INT),
    ("state", Kind.INT),
    ("fence", Kind.INT),
    ("trusted", Kind.INT),
    ("keeps_trust", Kind.INT),
    ("holds_slot", Kind.INT),
    ("carrier_call_id", Kind.TEXT),
    ("disposition", Kind.INT),
    ("reason", Kind.TEXT),
    ("accepted", Kind.INT),
    ("ringing", Kind.INT),
    ("answered", Kind.INT),
    ("ended", Kind.INT),
    ("sent", Kind.INT),
)


# 0 and '' stand for null: to bind a None takes SQLite's driver 0.4 us, ten times as long.
_CALL_SET: Final = (
    "state = r.state, fence = r.fence, "
    "trusted_until_us = CASE WHEN r.keeps_trust = 1 THEN trusted_until_us "
    "ELSE nullif(r.trusted, 0) END, "
    "holds_slot = r.holds_slot, "
    "lookups = CASE WHEN r.state = r.old_state THEN lookups ELSE 0 END, "
    "carrier_call_id = nullif(r.carrier_call_id, ''), "
    # An id that is learnt late must not wipe out how the call ended.
    "disposition = coalesce(nullif(r.disposition, 0), calls.disposition), "
    "reason = coalesce(nullif(r.reason, ''), calls.reason), "
    "accepted_us = coalesce(accepted_us, nullif(r.accepted, 0)), "
    "ringing_us = coalesce(ringing_us, nullif(r.ringing, 0)), "
    "answered_us = coalesce(answered_us, nullif(r.answered, 0)), "
    "ended_us = coalesce(ended_us, nullif(r.ended, 0)), "
    "sent_us = CASE WHEN r.sent = 0 THEN NULL ELSE sent_us END"
)
_CALL_GUARD: Final = "calls.key = r.key AND calls.fence = r.old_fence AND calls.state = r.old_state"


def _write_calls(tx: Tx, works: Sequence[_CallWork]) -> None:
    sql = tx.dialect.update_each("calls", _CALL_SET, _CALL_GUARD, _CALL_COLUMNS)
    changed = tx.update_each(sql, [_call_values(work) for work in works])
    assert changed == len(works), "locked rows changed under us"


def _call_values(work: _CallWork) -> tuple[Any, ...]:
    row, last, stamp_of = work.row, work.last, work.stamps.get
    assert last is not None
    released = last.state is _CLAIMED
    return (
        row.key,
        row.fence,
        row.state,
        int(last.state),
        row.fence + 1 if released else row.fence,
        0 if last.trusted_until is None else micros(last.trusted_until),
        int(last.event is None),
        int(last.holds_slot),
        last.carrier_call_id,
        0 if last.disposition is None else int(last.disposition),
        last.reason,
        stamp_of("accepted_us", 0),
        stamp_of("ringing_us", 0),
        stamp_of("answered_us", 0),
        stamp_of("ended_us", 0),
        0 if released else 1,
    )


_ROW_COLUMNS: Final = (
    ("key", Kind.INT),
    ("final_state", Kind.INT),
    ("reason", Kind.TEXT),
    ("due", Kind.INT),
    ("rank", Kind.INT),
    ("attempts", Kind.INT),
    ("granted", Kind.INT),
    ("dispatch_outcome", Kind.INT),
    ("dispatched", Kind.INT),
    ("disposition", Kind.INT),
    ("ended", Kind.INT),
)


_ROW_SET: Final = (
    "final_state = nullif(r.final_state, 0), state_reason = nullif(r.reason, ''), "
    "due_us = nullif(r.due, 0), rank = r.rank, attempts = r.attempts, "
    "retry_attempt = coalesce(nullif(r.granted, 0), retry_attempt), "
    "dispatch_outcome = r.dispatch_outcome, "
    "dispatched_us = coalesce(dispatched_us, nullif(r.dispatched, 0)), "
    "disposition = nullif(r.disposition, 0), ended_us = nullif(r.ended, 0)"
)
_ROW_GUARD: Final = "scheduled_calls.key = r.key AND scheduled_calls.final_state IS NULL"


def _write_rows(tx: Tx, works: Sequence[_CallWork]) -> None:
    """A scheduled call changes at its end, or when it waits again; what it does in between
    is read from its call."""
    rows = [_row_values(work, tx.now_us) for work in works if _leaves_call(work.last)]
    sql = tx.dialect.update_each("scheduled_calls", _ROW_SET, _ROW_GUARD, _ROW_COLUMNS)
    tx.update_each(sql, rows)


def _leaves_call(last: Transition | None) -> bool:
    return last is not None and (last.final_state is not None or last.due_at is not None)


def _row_values(work: _CallWork, now_us: int) -> tuple[Any, ...]:
    row, last = work.row, work.last
    assert last is not None
    attempts = row.attempt - 1 if last.same_attempt else row.attempt
    over = last.final_state is not None
    decided = last.dispatch_outcome is not DispatchOutcome.NONE
    return (
        row.scheduled_key,
        0 if last.final_state is None else int(last.final_state),
        last.state_reason,
        0 if last.due_at is None else micros(last.due_at),
        dialing_rank(row.priority, attempts),
        attempts,
        attempts + 1 if last.by_policy else 0,
        int(last.dispatch_outcome),
        (row.accepted_us or work.stamps.get("accepted_us") or now_us) if decided else 0,
        0 if last.disposition is None else int(last.disposition),
        now_us if over else 0,
    )


def _calls_to_contacts(works: Sequence[_CallWork]) -> list[EndedCall]:
    """Those that this group has ended, and that count as a try."""
    return [
        EndedCall(bytes(work.row.contact_id), work.row.sent_us or 0, work.last.disposition)
        for work in works
        if work.row.contact_id is not None
        and work.last is not None
        and work.last.state is CallState.ENDED
        and work.facts.state is not CallState.ENDED
        and not work.last.same_attempt
    ]


def _remove_callbacks(tx: Tx, keys: Sequence[int]) -> None:
    tx.run_many("DELETE FROM callbacks WHERE key = :key", [{"key": key} for key in keys])


def lost_send(call_id: CallId, fence: int) -> CallReport:
    """What is known of a call in SENDING whose worker is gone: nothing."""
    return CallReport(call_id, ReportKind.UNCLEAR, reason="LEASE_LOST", fence=fence)
