"""What became of the entries of a batch, in the five words of this API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from outdial.v1.scheduled_call_pb2 import (
    DISPATCH_OUTCOME_ACCEPTED,
    DISPATCH_OUTCOME_REFUSED,
    DISPATCH_OUTCOME_UNSPECIFIED,
    SCHEDULED_CALL_STATE_CANCELLED,
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_DIALING,
    SCHEDULED_CALL_STATE_EXPIRED,
    SCHEDULED_CALL_STATE_FAILED,
    SCHEDULED_CALL_STATE_IN_PROGRESS,
    SCHEDULED_CALL_STATE_SKIPPED,
    SCHEDULED_CALL_STATE_WAITING,
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A status is one of some states with one of some outcomes; none given means any."""

    states: tuple[ScheduledCallState.ValueType, ...]
    outcomes: tuple[DispatchOutcome.ValueType, ...]


Status = Literal["FUTURE", "PENDING", "SUCCESS", "EXPIRED", "ERROR"]

_NOT_TAKEN: Final = (DISPATCH_OUTCOME_UNSPECIFIED, DISPATCH_OUTCOME_REFUSED)

STATUSES: Final[Mapping[Status, Meaning]] = {
    "FUTURE": Meaning((SCHEDULED_CALL_STATE_WAITING,), _NOT_TAKEN),
    "PENDING": Meaning(
        (SCHEDULED_CALL_STATE_DIALING, SCHEDULED_CALL_STATE_IN_PROGRESS), _NOT_TAKEN
    ),
    # A call was created, whatever came of it.
    "SUCCESS": Meaning((), (DISPATCH_OUTCOME_ACCEPTED,)),
    "EXPIRED": Meaning((SCHEDULED_CALL_STATE_EXPIRED,), _NOT_TAKEN),
    "ERROR": Meaning(
        (
            SCHEDULED_CALL_STATE_COMPLETED,
            SCHEDULED_CALL_STATE_FAILED,
            SCHEDULED_CALL_STATE_SKIPPED,
        ),
        _NOT_TAKEN,
    ),
}
"""What was taken out of a batch has none: this API has no word for it, and does not show it."""

SHOWN: Final = tuple(
    state
    for state in ScheduledCallState.values()
    if state and state != SCHEDULED_CALL_STATE_CANCELLED
)
"""Of a batch from which some were taken out."""

_STATUS_OF: Final[Mapping[tuple[int, int], Status]] = {
    (state, outcome): status
    for status, meaning in STATUSES.items()
    for state in meaning.states or ScheduledCallState.values()
    for outcome in meaning.outcomes
}


def status_of(row: ScheduledCall) -> Status:
    return _STATUS_OF.get((row.state, row.dispatch_outcome), "EXPIRED")
