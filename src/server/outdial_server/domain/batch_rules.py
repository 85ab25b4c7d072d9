"""The decisions over a batch's life: pure functions of batch, request and `now`."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from outdial_server.domain.batch import ENDED_STATES, Batch, BatchState
from outdial_server.domain.batch_policies import ConfigErrorPolicy
from outdial_server.domain.batch_refusals import agent_inactive, refusal
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.scheduled_call import ScheduledCallState


@dataclass(frozen=True, slots=True)
class BatchChange:
    """What a decision does to a batch. `batch` is the batch after it."""

    batch: Batch
    event: EventType
    cause: str
    # What its carrier asks of it, where a client changes it.
    terms: CarrierTerms = NO_TERMS


def _moved(
    batch: Batch, state: BatchState, reason: str, now: datetime, cause: str, detail: str = ""
) -> BatchChange:
    started_at = batch.started_at or (now if state is BatchState.RUNNING else None)
    return BatchChange(
        replace(
            batch,
            state=state,
            state_reason=reason,
            state_detail=detail,
            started_at=started_at,
            updated_at=now,
        ),
        EventType.BATCH_STATE_CHANGED,
        cause,
    )


def state_by_window(window_start: datetime | None, now: datetime) -> tuple[BatchState, str]:
    if window_start is not None and now < window_start:
        return BatchState.SCHEDULED, "WINDOW_NOT_OPEN"
    return BatchState.RUNNING, ""


def first_state(
    *, draft: bool, window_start: datetime | None, now: datetime
) -> tuple[BatchState, str]:
    """The state that a new batch is in, and why."""
    return (BatchState.DRAFT, "") if draft else state_by_window(window_start, now)


def start(batch: Batch, now: datetime) -> BatchChange:
    if batch.state is not BatchState.DRAFT:
        raise refusal(batch, "started", "only a DRAFT can")
    if batch.counts.total == 0:
        raise PreconditionError(
            Reason.BATCH_EMPTY, "the batch has no scheduled calls; add some before it starts"
        )
    if not batch.agent_active:
        raise agent_inactive(batch.agent_id)
    if _is_over(batch.settings, now):
        # Started, all of its people would expire at once, and an ended batch cannot be changed.
        raise PreconditionError(
            Reason.WINDOW_CLOSED, "the window of the batch is over; give it a later window_end"
        )
    state, reason = state_by_window(batch.settings.window_start, now)
    return _moved(batch, state, reason, now, "USER_REQUEST")


def pause(batch: Batch, now: datetime) -> BatchChange | None:
    if batch.state is BatchState.PAUSED:
        return None
    if batch.state not in (BatchState.SCHEDULED, BatchState.RUNNING):
        raise refusal(batch, "paused", "only a SCHEDULED or RUNNING one can")
    return _moved(batch, BatchState.PAUSED, "USER_REQUEST", now, "USER_REQUEST")


def resume(batch: Batch, now: datetime) -> BatchChange | None:
    if batch.state in (BatchState.SCHEDULED, BatchState.RUNNING):
        return None
    if batch.state is not BatchState.PAUSED:
        raise refusal(batch, "resumed", "only a PAUSED one can")
    state, reason = state_by_window(batch.settings.window_start, now)
    return _moved(batch, state, reason, now, "USER_REQUEST")


def cancel(batch: Batch, now: datetime) -> BatchChange | None:
    if batch.state is BatchState.CANCELLED:
        return None
    if batch.state in ENDED_STATES:
        raise refusal(batch, "cancelled", "it has ended")
    change = _moved(batch, BatchState.CANCELLED, "USER_REQUEST", now, "USER_REQUEST")
    return _settling(change, ScheduledCallState.CANCELLED)


def delete(batch: Batch, now: datetime, states: Collection[BatchState] = ()) -> BatchChange:
    """Hides the batch; one that has not ended is cancelled with it. Only in one of `states`, if
    any are given."""
    if states and batch.state not in states:
        names = ", ".join(sorted(state.name for state in states))
        raise refusal(batch, "deleted", f"it was to be one of {names}")
    if batch.state in ENDED_STATES:
        change = BatchChange(batch, EventType.BATCH_DELETED, "USER_REQUEST")
    else:
        moved = _moved(batch, BatchState.CANCELLED, "DELETED", now, "USER_REQUEST")
        change = _settling(moved, ScheduledCallState.CANCELLED)
    hidden = replace(change.batch, deleted_at=now, updated_at=now)
    return BatchChange(hidden, EventType.BATCH_DELETED, "USER_REQUEST")


def open_window(batch: Batch, now: datetime) -> BatchChange | None:
    """SCHEDULED to RUNNING once the window opens."""
    if batch.state is not BatchState.SCHEDULED:
        return None
    state, reason = state_by_window(batch.settings.window_start, now)
    return None if state is batch.state else _moved(batch, state, reason, now, "WINDOW_OPENED")


def close_window(batch: Batch, now: datetime) -> BatchChange | None:
    """Lets what waits expire once the window has closed. The batch itself ends when no
    call of it is alive."""
    end = batch.settings.window_end
    if end is None or now < end or batch.state in ENDED_STATES or batch.state is BatchState.DRAFT:
        return None
    if batch.settling_to is not None or batch.counts.waiting == 0:
        return None
    closed = replace(batch, state_reason="WINDOW_CLOSED", updated_at=now)
    change = BatchChange(closed, EventType.BATCH_STATE_CHANGED, "WINDOW_CLOSED")
    return _settling(change, ScheduledCallState.EXPIRED)


def carrier_misconfigured(batch: Batch, detail: str, now: datetime) -> BatchChange | None:
    """The carrier refused for a reason that every call would meet."""
    if batch.state is not BatchState.RUNNING:
        return None
    reason, cause = "CARRIER_CONFIGURATION", "CARRIER"
    if batch.settings.on_config_error is ConfigErrorPolicy.PAUSE:
        return _moved(batch, BatchState.PAUSED, reason, now, cause, detail)
    change = _moved(batch, BatchState.FAILED, reason, now, cause, detail)
    return _settling(change, ScheduledCallState.CANCELLED)


def finish(batch: Batch, now: datetime) -> BatchChange | None:
    """Ends the batch once nothing of it waits or is alive."""
    if batch.ended_at is not None or batch.counts.unfinished or batch.state is BatchState.DRAFT:
        return None
    state, reason = batch.state, batch.state_reason
    if state not in ENDED_STATES:
        state = BatchState.COMPLETED
        reason = "WINDOW_CLOSED" if batch.counts.expired else "ALL_CALLS_ENDED"
    ended = replace(
        batch,
        state=state,
        state_reason=reason,
        # One without people has had nobody to dispatch.
        dispatch_ended_at=batch.dispatch_ended_at or now,
        ended_at=now,
        updated_at=now,
        settling_to=None,
    )
    return BatchChange(ended, EventType.BATCH_ENDED, "ALL_CALLS_ENDED")


def edit(batch: Batch, changed: BatchSettings, now: datetime) -> BatchChange | None:
    """New values for what a client may write. Moving the window start moves a batch
    that is not paused between SCHEDULED and RUNNING. A window that has closed stays so:
    its rows are expiring, and opened again they would be dialled and expired at once."""
    if batch.state in ENDED_STATES:
        raise refusal(batch, "changed", "it has ended")
    if changed == batch.settings:
        return None
    if batch.settling_to is not None and _window(changed) != _window(batch.settings):
        raise refusal(batch, "given another window once the old one has closed")
    edited = replace(batch, settings=changed, revision=batch.revision + 1, updated_at=now)
    state, reason = state_by_window(changed.window_start, now)
    movable = batch.state in (BatchState.SCHEDULED, BatchState.RUNNING)
    if movable and state is not batch.state:
        edited = _moved(edited, state, reason, now, "USER_REQUEST").batch
    return BatchChange(edited, EventType.BATCH_UPDATED, "USER_REQUEST")


def _is_over(settings: BatchSettings, now: datetime) -> bool:
    return settings.window_end is not None and settings.window_end <= now


def _window(settings: BatchSettings) -> tuple[datetime | None, datetime | None]:
    return settings.window_start, settings.window_end


def refuse_append_when_over(batch: Batch, now: datetime) -> None:
    """Rows can be added until the batch ends or its window closes."""
    closed = _is_over(batch.settings, now)
    if batch.state in ENDED_STATES or batch.settling_to is not None or closed:
        raise refusal(batch, "added to", "it has ended or its window has closed")


def _settling(change: BatchChange, to: ScheduledCallState) -> BatchChange:
    return replace(change, batch=replace(change.batch, settling_to=to))


SETTLED_REASON: Final = {
    ScheduledCallState.EXPIRED: "WINDOW_CLOSED",
    ScheduledCallState.CANCELLED: "BATCH_CANCELLED",
}
"""Why a row that was never dialled ended, by what it was moved to."""
