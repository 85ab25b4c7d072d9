"""How a call moves: `advance(call, report, now)` is the whole rule, and it is pure.

A call only moves forward, an ended one never. A report that is late, doubled or under
an old fence gives None and changes nothing. Statuses may skip states: a carrier that
says "answered" first has rung as well.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from outdial_server.domain.batch_policies import ConfigErrorPolicy, UnknownPolicy
from outdial_server.domain.call import CallState, CallTimes, Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.medium import Medium
from outdial_server.domain.recall import RECALLED
from outdial_server.domain.report import CallReport, Evidence, Fault, ReportKind
from outdial_server.domain.retry_policy import RETRY_SCHEDULED, RetryTerms
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.silence import trusted_until

RETRY_NOT_SENT_AFTER: Final = timedelta(seconds=1)
"""First wait before a call that was turned away unprocessed is tried again, unless the
carrier named a longer one: long enough not to spin, short beside any ring time."""

RETRY_NOT_SENT_MOST: Final = timedelta(minutes=1)

# Named once: reached through its class, a member of an enum takes Python 3.11 five times as
# long, and each report of each call asks for a dozen.
_ACCEPTED, _RINGING, _ANSWERED, _UNKNOWN, _ENDED = (
    CallState.ACCEPTED,
    CallState.RINGING,
    CallState.IN_PROGRESS,
    CallState.UNKNOWN,
    CallState.ENDED,
)
_RELEASED = CallState.CLAIMED
_HOLD = UnknownPolicy.HOLD
_CONFIGURATION, _CALLER_ID = Fault.CONFIGURATION, Fault.CALLER_ID
_MACHINE = Disposition.ANSWERED_MACHINE
_REFUSED, _NOT_PLACED, _PRESUMED_ENDED, _UNJOINED, _DIAL_AGAIN = (
    ReportKind.REFUSED,
    ReportKind.NOT_PLACED,
    ReportKind.PRESUMED_ENDED,
    ReportKind.UNJOINED,
    ReportKind.DIAL_AGAIN,
)
_DISPATCHED = DispatchOutcome.ACCEPTED

CALL_TRANSITIONS: Final[Mapping[CallState, Mapping[ReportKind, CallState]]] = {
    CallState.CLAIMED: {},
    CallState.SENDING: {
        ReportKind.ACCEPTED: _ACCEPTED,
        ReportKind.NOT_SENT: _RELEASED,
        ReportKind.REFUSED: _ENDED,
        ReportKind.UNCLEAR: _UNKNOWN,
        ReportKind.RINGING: _RINGING,
        ReportKind.ANSWERED: _ANSWERED,
        ReportKind.ENDED: _ENDED,
    },
    CallState.ACCEPTED: {
        ReportKind.RINGING: _RINGING,
        ReportKind.ANSWERED: _ANSWERED,
        ReportKind.ENDED: _ENDED,
        ReportKind.PRESUMED_ENDED: _ENDED,
        ReportKind.UNJOINED: _ENDED,
    },
    CallState.RINGING: {
        ReportKind.ANSWERED: _ANSWERED,
        ReportKind.ENDED: _ENDED,
        ReportKind.PRESUMED_ENDED: _ENDED,
        ReportKind.UNJOINED: _ENDED,
    },
    CallState.IN_PROGRESS: {
        ReportKind.ENDED: _ENDED,
        ReportKind.PRESUMED_ENDED: _ENDED,
    },
    _UNKNOWN: {
        ReportKind.ACCEPTED: _ACCEPTED,
        ReportKind.RINGING: _RINGING,
        ReportKind.ANSWERED: _ANSWERED,
        ReportKind.ENDED: _ENDED,
        ReportKind.NOT_PLACED: _ENDED,
        ReportKind.PRESUMED_ENDED: _ENDED,
        ReportKind.UNJOINED: _ENDED,
        ReportKind.DIAL_AGAIN: _ENDED,
        ReportKind.GIVE_UP: _ENDED,
        ReportKind.PLACED: _ENDED,
        # From the dialler itself, late: it held this very claim, and knows better.
        ReportKind.NOT_SENT: _RELEASED,
        ReportKind.REFUSED: _ENDED,
    },
    CallState.ENDED: {},
}
"""Every move of a call that a report can bring; docs/state-machines.md is held against
it. CLAIMED to SENDING is the dialler's own commit, not a report."""

_EVENT_OF: Final = {
    _ACCEPTED: EventType.CALL_ACCEPTED,
    _RINGING: EventType.CALL_RINGING,
    _ANSWERED: EventType.CALL_IN_PROGRESS,
    _UNKNOWN: EventType.CALL_UNKNOWN,
    _ENDED: EventType.CALL_ENDED,
    _RELEASED: EventType.CALL_NOT_SENT,
}

_OUT_OF_TIME: Final = frozenset({_PRESUMED_ENDED, _UNJOINED})
_NO_EVIDENCE: Final = _OUT_OF_TIME | {_NOT_PLACED}
"""By which an unknown call under HOLD does not end."""

_UNDER_FENCE: Final = frozenset({ReportKind.NOT_SENT, ReportKind.REFUSED})
"""Of an unknown call only whoever held its claim can say that it was not sent."""

_FINAL_STATE_OF: Final = {
    Disposition.ANSWERED_HUMAN: ScheduledCallState.COMPLETED,
    Disposition.ANSWERED_MACHINE: ScheduledCallState.COMPLETED,
}


class CallFacts(NamedTuple):
    """What `advance` needs to know of a call. A tuple, like `Transition`: each report makes
    one of both, and a frozen dataclass takes three times as long."""

    state: CallState
    fence: int
    carrier_call_id: str
    answered: bool
    holds_slot: bool
    dispatch_outcome: DispatchOutcome
    unknown_policy: UnknownPolicy
    on_config_error: ConfigErrorPolicy
    times: CallTimes
    # None when the batch has no retry policy, or nothing more of it is to be dialled.
    retry: RetryTerms | None = None
    # The carrier has said, while the call goes on, that a machine answered.
    heard_machine: bool = False
    # Its carrier account is held back as a whole when it turns requests away.
    is_paced: bool = False
    # Of the account's own: others may go on with another.
    shows_number: bool = False
    # Its carrier was asked to drop it from its queue.
    is_recalled: bool = False
    medium: Medium = Medium.OUTGOING


class Transition(NamedTuple):
    """What a report does to a call and to its scheduled call.

    `final_state` is set when the scheduled call is over; `due_at` when it waits again.
    `same_attempt` keeps call id and attempt number for that next try; `by_policy` says that
    the batch's retry policy has granted it. `reason` is the call's own. `event` is None when
    something was learnt and nothing moved: the carrier's id, or who answered.
    """

    state: CallState
    event: EventType | None
    cause: str
    carrier_call_id: str
    reason: str
    disposition: Disposition | None
    dispatch_outcome: DispatchOutcome
    trusted_until: datetime | None
    holds_slot: bool
    final_state: ScheduledCallState | None = None
    due_at: datetime | None = None
    same_attempt: bool = False
    by_policy: bool = False
    misconfigured: bool = False
    # It turned out that nobody was called: what counts calls counts it no more.
    unplaced: bool = False
    # It was placed, and no phone rang: what counts calls to a number counts it no more.
    unrung: bool = False

    @property
    def state_reason(self) -> str:
        """Why the scheduled call is in its state."""
        return RETRY_SCHEDULED if self.by_policy else self.reason


def advance(call: CallFacts, report: CallReport, now: datetime) -> Transition | None:
    if report.fence is not None and report.fence != call.fence:
        return None
    if call.state is _UNKNOWN and report.fence is None and report.kind in _UNDER_FENCE:
        return None
    target = CALL_TRANSITIONS[call.state].get(report.kind)
    if target is None:
        return _learn(call, report)
    if call.is_recalled and report.rang is None and _was_taken_back(call, report):
        # Its phone may have begun to ring as it was cancelled: the carrier's record tells.
        return None
    if call.state is _UNKNOWN and call.unknown_policy is _HOLD:
        held = _hold(call, report, now)
        if held is not None or report.kind in _NO_EVIDENCE:
            return held
    if target is _RELEASED or _pauses_batch(call, report) or _lacks_caller_id(call, report):
        return _release(call, report, now)
    if target is _ENDED:
        return _end(call, report, now)
    return _move_on(call, report, target, now)


def _learn(call: CallFacts, report: CallReport) -> Transition | None:
    if report.kind is ReportKind.ACCEPTED:
        return _learn_carrier_id(call, report)
    if call.state is _ANSWERED and report.kind is ReportKind.ANSWERED:
        return _learn_who_answered(call, report)
    return None


def _learn_carrier_id(call: CallFacts, report: CallReport) -> Transition | None:
    """The answer to the request may come behind the first callback: its id still counts."""
    known = call.carrier_call_id or call.state is CallState.CLAIMED
    if known or not report.carrier_call_id:
        return None
    return _learnt(call, report.carrier_call_id, None)


def _learn_who_answered(call: CallFacts, report: CallReport) -> Transition | None:
    """Some carriers listen to a call that goes on, and do not say it again at its end."""
    heard = _heard(report)
    if heard is None or call.heard_machine:
        return None
    return _learnt(call, call.carrier_call_id or report.carrier_call_id, heard)


def _heard(report: CallReport) -> Disposition | None:
    is_machine = report.disposition is _MACHINE and report.kind is ReportKind.ANSWERED
    return _MACHINE if is_machine else None


def _learnt(call: CallFacts, carrier_call_id: str, heard: Disposition | None) -> Transition:
    return Transition(
        state=call.state,
        event=None,
        cause="CARRIER",
        carrier_call_id=carrier_call_id,
        reason="",
        disposition=heard,
        dispatch_outcome=call.dispatch_outcome,
        trusted_until=None,
        holds_slot=call.holds_slot,
    )


def _hold(call: CallFacts, report: CallReport, now: datetime) -> Transition | None:
    """HOLD leaves the verdict to a person; yet when the call can no longer be alive its
    slot goes back."""
    if report.kind not in _OUT_OF_TIME or not call.holds_slot:
        return None
    return Transition(
        state=_UNKNOWN,
        event=EventType.CALL_PRESUMED_ENDED,
        cause="SILENCE",
        carrier_call_id=call.carrier_call_id,
        reason=report.reason,
        disposition=None,
        dispatch_outcome=call.dispatch_outcome,
        trusted_until=None,
        holds_slot=False,
    )


def _was_taken_back(call: CallFacts, report: CallReport) -> bool:
    """Cancelled at our wish. One that is known to have rung has rung for good."""
    is_queued = call.state is _ACCEPTED and call.is_recalled
    is_cancelled = report.kind is ReportKind.ENDED and report.disposition is Disposition.CANCELLED
    return is_queued and is_cancelled


def _pauses_batch(call: CallFacts, report: CallReport) -> bool:
    return _is_misconfigured(call, report) and call.on_config_error is ConfigErrorPolicy.PAUSE


def _lacks_caller_id(call: CallFacts, report: CallReport) -> bool:
    """The number that it was to show is put out of use, and the person is called from
    another."""
    return call.shows_number and report.kind is _REFUSED and report.fault is _CALLER_ID


def _release(call: CallFacts, report: CallReport, now: datetime) -> Transition:
    """Back to waiting, with the same call id and attempt number: no try is lost."""
    return Transition(
        state=_RELEASED,
        event=EventType.CALL_NOT_SENT,
        cause="CARRIER",
        carrier_call_id="",
        reason=report.reason,
        disposition=None,
        dispatch_outcome=call.dispatch_outcome,
        trusted_until=None,
        holds_slot=False,
        due_at=now + _own_wait(call, report),
        same_attempt=True,
        misconfigured=_pauses_batch(call, report),
        unplaced=True,
    )


def _own_wait(call: CallFacts, report: CallReport) -> timedelta:
    """Where the account waits as a whole there is no need for each call to wait for itself: who
    lifts that lifts all."""
    asked = report.retry_after or timedelta(0)
    if not call.is_paced or report.evidence is None:
        return max(asked, not_sent_wait(call.fence))
    is_asked_of_all = report.evidence is Evidence.TOO_MUCH
    return RETRY_NOT_SENT_AFTER if is_asked_of_all else max(asked, RETRY_NOT_SENT_AFTER)


def not_sent_wait(fence: int) -> timedelta:
    """The wait doubles with each claim of the same try, up to a bound: a carrier that is
    down is not asked for every person each second. A claim and its release move the fence
    by one each."""
    doubled: timedelta = RETRY_NOT_SENT_AFTER * (1 << min(fence // 2, 16))
    return min(doubled, RETRY_NOT_SENT_MOST)


def _move_on(call: CallFacts, report: CallReport, target: CallState, now: datetime) -> Transition:
    unclear = target is _UNKNOWN
    return Transition(
        state=target,
        event=_EVENT_OF[target],
        cause="DIALER" if unclear else report.cause,
        carrier_call_id=call.carrier_call_id or report.carrier_call_id,
        reason=report.reason if unclear else "",
        disposition=_heard(report),
        dispatch_outcome=call.dispatch_outcome if unclear else _DISPATCHED,
        trusted_until=trusted_until(target, call.times, now, call.medium),
        holds_slot=call.holds_slot,
    )


def _end(call: CallFacts, report: CallReport, now: datetime) -> Transition:
    disposition = _disposition(call, report)
    # From the carrier's queue: it never rang.
    dropped = _was_taken_back(call, report) and report.rang is False
    again = (
        dropped
        or report.kind is _DIAL_AGAIN
        or (report.kind is _NOT_PLACED and call.unknown_policy is UnknownPolicy.RECONCILED_RETRY)
    )
    granted_at = _grant(call, report, disposition, now)
    presumed = report.kind is _PRESUMED_ENDED
    return Transition(
        state=_ENDED,
        event=EventType.CALL_PRESUMED_ENDED if presumed else _EVENT_OF[_ENDED],
        cause=_CAUSE_OF.get(report.kind, report.cause),
        carrier_call_id=call.carrier_call_id or report.carrier_call_id,
        reason=RECALLED if dropped else report.reason,
        disposition=disposition,
        dispatch_outcome=_dispatch_outcome(call, report),
        trusted_until=None,
        holds_slot=False,
        final_state=None if again or granted_at is not None else final_state(disposition),
        due_at=now if again else granted_at,
        by_policy=granted_at is not None,
        misconfigured=_is_misconfigured(call, report),
        unplaced=report.kind in _NEVER_PLACED,
        unrung=dropped,
    )


_NEVER_PLACED: Final = frozenset({ReportKind.NOT_PLACED, ReportKind.GIVE_UP, ReportKind.DIAL_AGAIN})

TELLS_THE_END: Final = frozenset(
    {ReportKind.ENDED, ReportKind.REFUSED, ReportKind.PLACED, ReportKind.UNJOINED}
)
"""What is known to have come of a call; of an unknown one UNJOINED tells nothing, and no rule
of a retry policy names what it then ends as. Whatever else ends one is the business of the unknown
policy, and of nobody else."""


def _grant(
    call: CallFacts, report: CallReport, disposition: Disposition, now: datetime
) -> datetime | None:
    """The moment of another try under the batch's retry policy."""
    if call.retry is None or report.kind not in TELLS_THE_END or _is_misconfigured(call, report):
        return None
    if call.answered and disposition is not Disposition.ANSWERED_MACHINE:
        # Somebody picked up, whatever the carrier calls it afterwards.
        return None
    return call.retry.grant(disposition, now)


def _is_misconfigured(call: CallFacts, report: CallReport) -> bool:
    """A caller ID that is a mere text is the batch's own."""
    if report.kind is not _REFUSED:
        return False
    return report.fault is _CONFIGURATION or (report.fault is _CALLER_ID and not call.shows_number)


def _disposition(call: CallFacts, report: CallReport) -> Disposition:
    if report.kind in _OUT_OF_TIME:
        return Disposition.UNKNOWN if call.state is _UNKNOWN else _OUT_OF_TIME_AS[report.kind]
    found = report.disposition
    if found is None:
        answered = report.kind is ReportKind.ENDED and call.answered
        found = Disposition.ANSWERED_HUMAN if answered else Disposition.FAILED
    if found is Disposition.ANSWERED_HUMAN and call.heard_machine:
        return _MACHINE
    return found


_OUT_OF_TIME_AS: Final = {
    _PRESUMED_ENDED: Disposition.PRESUMED_ENDED,
    _UNJOINED: Disposition.UNJOINED,
}

_SHOWS_DISPATCH: Final = frozenset({ReportKind.ENDED, ReportKind.PLACED})
_SHOWS_NONE: Final = frozenset({ReportKind.REFUSED, ReportKind.NOT_PLACED, ReportKind.GIVE_UP})


def _dispatch_outcome(call: CallFacts, report: CallReport) -> DispatchOutcome:
    if report.kind in _SHOWS_DISPATCH:
        return _DISPATCHED
    if report.kind in _SHOWS_NONE:
        return max(call.dispatch_outcome, DispatchOutcome.REFUSED, key=_evidence)
    return call.dispatch_outcome


def _evidence(outcome: DispatchOutcome) -> int:
    """An accepted dispatch stays one, whatever a later try met."""
    return {DispatchOutcome.NONE: 0, DispatchOutcome.REFUSED: 1, DispatchOutcome.ACCEPTED: 2}[
        outcome
    ]


def final_state(disposition: Disposition) -> ScheduledCallState:
    """How a scheduled call ends whose last call ended like this."""
    return _FINAL_STATE_OF.get(disposition) or ScheduledCallState.FAILED


_CAUSE_OF: Final = {
    ReportKind.PRESUMED_ENDED: "SILENCE",
    ReportKind.UNJOINED: "SILENCE",
    ReportKind.DIAL_AGAIN: "USER_REQUEST",
    ReportKind.GIVE_UP: "USER_REQUEST",
    ReportKind.PLACED: "USER_REQUEST",
}
"""Of whatever is nobody's word on what happened in the call."""
