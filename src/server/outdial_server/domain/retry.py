"""Dialling once more: which rows of a batch, and what becomes of the batch."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.batch_refusals import refusal
from outdial_server.domain.batch_rules import BatchChange, state_by_window
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import Disposition
from outdial_server.domain.errors import PreconditionError, Reason, invalid_field
from outdial_server.domain.event import EventType
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState

RETRYABLE_STATES: Final = frozenset(
    {
        ScheduledCallState.COMPLETED,
        ScheduledCallState.FAILED,
        ScheduledCallState.EXPIRED,
        ScheduledCallState.CANCELLED,
    }
)

_MAY_HAVE_BEEN_REACHED: Final = frozenset({Disposition.UNKNOWN, Disposition.PRESUMED_ENDED})

_NEVER_RETRIED: Final = frozenset({BatchState.DRAFT, BatchState.CANCELLED, BatchState.FAILED})

RETRIED_REASON: Final = "RETRIED"
"""Why a row waits that had ended before."""


@dataclass(frozen=True, slots=True)
class RetrySelection:
    """Rows that ended in one of `states`, their latest call with one of `dispositions`.
    None named means each but those after which the person may have been reached, and rows
    without a call."""

    states: frozenset[ScheduledCallState]
    dispositions: frozenset[Disposition] = frozenset()

    def includes(self, state: ScheduledCallState, disposition: Disposition | None) -> bool:
        if state not in self.states:
            return False
        if self.dispositions:
            return disposition in self.dispositions
        return disposition not in _MAY_HAVE_BEEN_REACHED


def retry_selection(
    states: tuple[ScheduledCallState, ...], dispositions: tuple[Disposition, ...]
) -> RetrySelection:
    """Raises InvalidFieldsError for a state that is no end, or one of a rule's making."""
    for index, state in enumerate(states):
        if state not in RETRYABLE_STATES:
            names = ", ".join(sorted(s.name for s in RETRYABLE_STATES))
            raise invalid_field(f"states[{index}]", f"must be one of {names}")
    wanted = frozenset(states) or frozenset({ScheduledCallState.FAILED})
    return RetrySelection(wanted, frozenset(dispositions))


def retry(batch: Batch, window_end: datetime | None, now: datetime) -> BatchChange | None:
    """The batch as it is to be when ended rows of it wait again. A completed one runs again,
    a paused one stays paused; one whose window has closed goes on under a later end, with
    what still waits to expire. None when it is fit as it is. Raises PreconditionError
    (BATCH_STATE, WINDOW_CLOSED), InvalidFieldsError."""
    if batch.state in _NEVER_RETRIED:
        raise refusal(batch, "retried", "only one that was started and not stopped can")
    if batch.is_replacing:
        raise refusal(batch, "retried", "those whom a new list has replaced have to end first")
    settings = _with_later_end(batch.settings, window_end, now)
    if settings.window_end is not None and settings.window_end <= now:
        raise PreconditionError(
            Reason.WINDOW_CLOSED, "the window of the batch is over; give a later window_end"
        )
    state, reason = _going_on(batch, now)
    is_edited = settings != batch.settings
    if not is_edited and (state, reason) == (batch.state, batch.state_reason):
        return None
    changed = replace(
        batch,
        settings=settings,
        state=state,
        state_reason=reason,
        state_detail=batch.state_detail if state is BatchState.PAUSED else "",
        settling_to=None,
        revision=batch.revision + int(is_edited),
        updated_at=now,
        started_at=batch.started_at or (now if state is BatchState.RUNNING else None),
        ended_at=None,
    )
    event = EventType.BATCH_UPDATED if is_edited else EventType.BATCH_STATE_CHANGED
    return BatchChange(changed, event, "USER_REQUEST")


def _with_later_end(
    settings: BatchSettings, window_end: datetime | None, now: datetime
) -> BatchSettings:
    """The same end again is no change: a request may be repeated."""
    if window_end is None or window_end == settings.window_end:
        return settings
    if settings.window_end is None:
        raise invalid_field("window_end", "the window of the batch has no end to be later than")
    if window_end < settings.window_end:
        raise invalid_field("window_end", "must be later than the window_end of the batch")
    if window_end <= now:
        raise invalid_field("window_end", "must be in the future")
    return replace(settings, window_end=window_end)


def _going_on(batch: Batch, now: datetime) -> tuple[BatchState, str]:
    if batch.state is BatchState.COMPLETED:
        return state_by_window(batch.settings.window_start, now)
    if batch.settling_to is None:
        return batch.state, batch.state_reason
    if batch.state is BatchState.PAUSED:
        # The window has closed over the reason for the pause; a carrier's left its words.
        return batch.state, "CARRIER_CONFIGURATION" if batch.state_detail else "USER_REQUEST"
    return batch.state, ""


def outcome_before_retry(outcome: DispatchOutcome) -> DispatchOutcome:
    """A refusal no longer stands, whether a carrier takes the call is open again; that one
    took it once stays true."""
    return DispatchOutcome.NONE if outcome is DispatchOutcome.REFUSED else outcome
