"""Events."""

from outdial.v1 import event_pb2 as pb

from outdial_server.api.conversion.enums import (
    BATCH_STATE,
    CALL_STATE,
    DISPATCH_OUTCOME,
    DISPOSITION,
    EVENT_TYPE,
    SCHEDULED_CALL_STATE,
)
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState
from outdial_server.domain.event import BatchAfter, Event, ScheduledCallAfter


def event_to_message(event: Event) -> pb.Event:
    message = pb.Event(
        sequence=event.sequence,
        time=timestamp(event.at),
        type=EVENT_TYPE.to_message(event.type),
        cause=event.cause,
    )
    # Fills the present message: a change made first and then given would be copied.
    if isinstance(event.after, BatchAfter):
        _fill_batch(message.batch, event.after)
    else:
        _fill_scheduled_call(message.scheduled_call, event.after)
    return message


def _fill_batch(message: pb.BatchChange, after: BatchAfter) -> None:
    message.state = BATCH_STATE.to_message(BatchState(after.state))
    message.state_reason = after.state_reason
    message.state_detail = after.state_detail
    message.counts_total = after.total
    if after.previous_state is not None:
        message.previous_state = BATCH_STATE.to_message(BatchState(after.previous_state))
    # A change of nothing but zeros would not be seen as set.
    message.SetInParent()


def _fill_scheduled_call(message: pb.ScheduledCallChange, after: ScheduledCallAfter) -> None:
    message.scheduled_call_id = after.scheduled_call_id
    message.position = after.position
    message.state = SCHEDULED_CALL_STATE.to_message(after.state)
    message.state_reason = after.state_reason
    message.dispatch_outcome = DISPATCH_OUTCOME.to_message(after.dispatch_outcome)
    message.call_id = after.call_id or ""
    message.attempt_number = after.attempt_number
    message.call_state = CALL_STATE.to_message(_shown(after))
    message.disposition = DISPOSITION.to_message(after.disposition)
    due_time = timestamp(after.due_at)
    if due_time is not None:
        message.due_time.CopyFrom(due_time)


def _shown(after: ScheduledCallAfter) -> CallState | None:
    """A call whose request was not sent is only claimed again, which is not shown."""
    return None if after.call_state is CallState.CLAIMED else after.call_state
