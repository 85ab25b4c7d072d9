"""What a look-up of a silent or unknown call leads to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.call import CallState, CallTimes
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.silence import (
    NOT_FOUND_FINAL_AFTER,
    join_deadline,
    next_lookup_at,
    over_at,
    presumed_over,
)


class Sighting(Enum):
    """What the carrier said."""

    FOUND = auto()
    NO_SUCH_CALL = auto()
    NO_ANSWER = auto()
    # Whoever sees to the call reports of it, and cannot be asked.
    NOBODY_TO_ASK = auto()


@dataclass(frozen=True, slots=True)
class Silence:
    """A call that was looked up."""

    call_id: CallId
    state: CallState
    unknown_policy: UnknownPolicy
    times: CallTimes
    sent_at: datetime
    lookups: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A report to apply, if any; and when to look again should the call not move on."""

    report: CallReport | None
    look_again_at: datetime


def judge(
    call: Silence,
    sighting: Sighting,
    seen: CallReport | None,
    now: datetime,
    not_found_final_after: timedelta = NOT_FOUND_FINAL_AFTER,
) -> Verdict:
    """`seen` is what the carrier reports of a call that was found; None where it may be one of
    several, which proves no more than silence."""
    if sighting is Sighting.NOBODY_TO_ASK:
        return _unreported(call, now)
    report: CallReport | None = None
    if seen is not None:
        report = seen
    elif sighting is Sighting.NO_SUCH_CALL:
        report = _not_there(call, now, not_found_final_after)
    elif presumed_over(call.sent_at, call.times, now):
        is_found = sighting is Sighting.FOUND
        reason = "ONE_OF_SEVERAL" if is_found else "CARRIER_SILENT"
        report = CallReport(call.call_id, ReportKind.PRESUMED_ENDED, reason=reason)
    return Verdict(report, next_lookup_at(call.lookups, now))


def _unreported(call: Silence, now: datetime) -> Verdict:
    """The due moment of a call is all that there is to go by."""
    is_joined = call.state is CallState.IN_PROGRESS
    due_at = (
        over_at(call.sent_at, call.times)
        if is_joined
        else join_deadline(call.state, call.times, call.sent_at)
    )
    if now < due_at:
        return Verdict(None, due_at)
    kind = ReportKind.PRESUMED_ENDED if is_joined else ReportKind.UNJOINED
    reason = "NO_END_REPORTED" if is_joined else "JOIN_TIMEOUT"
    report = CallReport(call.call_id, kind, reason=reason)
    return Verdict(report, next_lookup_at(call.lookups, now))


def _not_there(call: Silence, now: datetime, final_after: timedelta) -> CallReport | None:
    if now < call.sent_at + final_after:
        # The request may still be on its way, or the carrier's list behind its phones.
        return None
    if call.state is not CallState.UNKNOWN:
        # The carrier had accepted it and has no record now: it is over, how nobody knows.
        return CallReport(call.call_id, ReportKind.PRESUMED_ENDED, reason="CARRIER_HAS_NO_RECORD")
    held = call.unknown_policy is UnknownPolicy.HOLD
    if held and presumed_over(call.sent_at, call.times, now):
        # A person decides; the slot is given back meanwhile.
        return CallReport(call.call_id, ReportKind.PRESUMED_ENDED, reason="NOT_PLACED")
    return CallReport(call.call_id, ReportKind.NOT_PLACED, reason="NOT_PLACED")
