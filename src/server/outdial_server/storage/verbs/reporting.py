"""Reports applied in groups: call, scheduled call, slots, counts and events together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from outdial_server.domain.batch import Batch
from outdial_server.domain.batch_rules import BatchChange, carrier_misconfigured
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind, in_order
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCallState,
    state_while_open,
)
from outdial_server.domain.slots import SlotOwners
from outdial_server.domain.transition import CallFacts, Transition, advance
from outdial_server.ports.carrier import RawCallback
from outdial_server.ports.dispatch import Applied
from outdial_server.storage.encoding import micros, micros_or_none, pack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import apply_decision
from outdial_server.storage.verbs.callbacks import store_callbacks
from outdial_server.storage.verbs.contact_calls import EndedCall, count_ended
from outdial_server.storage.verbs.counting import BatchMoves, apply_moves, finish_done
from outdial_server.storage.verbs.daily_caps import note_not_sent
from outdial_server.storage.verbs.ledger import free_slots_of_calls, owners_of
from outdial_server.storage.verbs.log import NewEvent, RowAfter
from outdial_server.storage.verbs.number_log import NumberedCall, forget_calls, note_ends
from outdial_server.storage.verbs.report_writing import write_calls, write_rows
from outdial_server.storage.verbs.reported_calls import ReportedCall, read_reported
from outdial_server.storage.verbs.throttle_log import take_back
from outdial_server.storage.verbs.troubles import Signs


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
    changed: list[ReportedCall] = field(default_factory=list)
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


def apply_reports(
    tx: Tx,
    reports: Sequence[CallReport],
    callback_keys: Sequence[int],
    arrived: Sequence[RawCallback] = (),
) -> Applied:
    # Before anything is locked.
    stored_keys = store_callbacks(tx, arrived)
    group = _Group()
    by_call = _by_call(group, reports)
    works = read_reported(tx, by_call)
    for call_id, of_call in by_call.items():
        work = works.get(call_id)
        if work is None:
            group.ignored += len(of_call)
        else:
            _advance(tx, group, work, of_call)
    write_calls(tx, group.changed)
    write_rows(tx, group.changed)
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
        stored_keys=stored_keys,
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


# See `domain.transition` for why members have names of their own.
_CLAIMED, _UNKNOWN = CallState.CLAIMED, CallState.UNKNOWN
_ACCEPTED: Final = DispatchOutcome.ACCEPTED
_MACHINE: Final = Disposition.ANSWERED_MACHINE


def _advance(tx: Tx, group: _Group, work: ReportedCall, reports: Sequence[CallReport]) -> None:
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
    work: ReportedCall,
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
    was_left = step.outcome_before is not _ACCEPTED
    is_left = step.final_state is None and step.outcome is not _ACCEPTED
    moves.count(batch, "undispatched", calls * (int(is_left) - int(was_left)))


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


def _stamp(work: ReportedCall, transition: Transition, kind: ReportKind, now_us: int) -> None:
    column = _STAMP_OF.get(transition.state)
    if column is not None and transition.event is not None:
        work.stamps[column] = now_us
    # Whoever rings or has ended was accepted; a retry of an accepted one need not be.
    if kind in _PROOF_OF_ACCEPTANCE and not work.row.accepted_us:
        work.stamps.setdefault("accepted_us", now_us)


def _event(work: ReportedCall, transition: Transition) -> NewEvent:
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


def _calls_to_contacts(works: Sequence[ReportedCall]) -> list[EndedCall]:
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
