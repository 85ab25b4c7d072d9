"""Events: what happened in a batch, numbered without a gap."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.ids import CallId, ScheduledCallId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState


class EventType(IntEnum):
    """The numbers are stored, and are those of `outdial.v1.EventType`."""

    BATCH_CREATED = 1
    BATCH_UPDATED = 2
    BATCH_STATE_CHANGED = 3
    SCHEDULED_CALLS_ADDED = 4
    CALL_SENDING = 5
    CALL_ACCEPTED = 6
    CALL_RINGING = 7
    CALL_IN_PROGRESS = 8
    CALL_UNKNOWN = 9
    CALL_ENDED = 10
    CALL_NOT_SENT = 11
    SCHEDULED_CALL_ENDED = 12
    CALL_PRESUMED_ENDED = 13
    BATCH_ENDED = 14
    BATCH_DELETED = 15
    SCHEDULED_CALL_RETRIED = 16
    CONVERSATION_REPORTED = 17


@dataclass(frozen=True, slots=True)
class BatchAfter:
    """The batch right after an event. `state` is a `BatchState` number."""

    state: int
    state_reason: str
    state_detail: str
    total: int
    # The state before, of an event that changed it.
    previous_state: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduledCallAfter:
    """A scheduled call and its latest call right after an event."""

    scheduled_call_id: ScheduledCallId
    position: int
    state: ScheduledCallState
    state_reason: str
    dispatch_outcome: DispatchOutcome
    call_id: CallId | None
    attempt_number: int
    call_state: CallState | None
    disposition: Disposition | None
    # When it may be dialled next; set by the events after which it waits again.
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    sequence: int
    at: datetime
    type: EventType
    cause: str
    after: BatchAfter | ScheduledCallAfter

    @property
    def is_of_batch(self) -> bool:
        return isinstance(self.after, BatchAfter)

    @property
    def is_terminal(self) -> bool:
        """Whether a watcher of newest states must still be told of it."""
        return self.type in _TERMINAL


_TERMINAL = frozenset(
    {
        EventType.CALL_ENDED,
        EventType.CALL_PRESUMED_ENDED,
        EventType.SCHEDULED_CALL_ENDED,
        EventType.BATCH_ENDED,
        EventType.BATCH_DELETED,
    }
)
