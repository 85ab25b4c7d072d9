"""Their words for how things stand, and how things ended."""

from collections.abc import Mapping
from typing import Final

from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.call_pb2 import CallState
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState

_BATCH: Final[Mapping[int, str]] = {
    BatchState.BATCH_STATE_DRAFT: "pending",
    BatchState.BATCH_STATE_SCHEDULED: "pending",
    BatchState.BATCH_STATE_RUNNING: "running",
    BatchState.BATCH_STATE_PAUSED: "running",
    BatchState.BATCH_STATE_COMPLETED: "completed",
    BatchState.BATCH_STATE_CANCELLED: "cancelled",
    BatchState.BATCH_STATE_FAILED: "failed",
}

_BATCH_FIRST: Final[Mapping[int, str]] = {
    **_BATCH,
    BatchState.BATCH_STATE_SCHEDULED: "scheduled",
}

_RECIPIENT: Final[Mapping[int, str]] = {
    ScheduledCallState.SCHEDULED_CALL_STATE_WAITING: "pending",
    ScheduledCallState.SCHEDULED_CALL_STATE_DIALING: "dialing",
    ScheduledCallState.SCHEDULED_CALL_STATE_IN_PROGRESS: "dialing",
    ScheduledCallState.SCHEDULED_CALL_STATE_COMPLETED: "completed",
    ScheduledCallState.SCHEDULED_CALL_STATE_FAILED: "failed",
    ScheduledCallState.SCHEDULED_CALL_STATE_EXPIRED: "failed",
    ScheduledCallState.SCHEDULED_CALL_STATE_CANCELLED: "cancelled",
    ScheduledCallState.SCHEDULED_CALL_STATE_SKIPPED: "failed",
}

# The first generation has no word for those whom a cancel spared.
_RECIPIENT_FIRST: Final[Mapping[int, str]] = {
    **_RECIPIENT,
    ScheduledCallState.SCHEDULED_CALL_STATE_CANCELLED: "pending",
}

_CONVERSATION: Final[Mapping[int, str]] = {
    CallState.CALL_STATE_WAITING: "pending",
    CallState.CALL_STATE_SENDING: "pending",
    CallState.CALL_STATE_ACCEPTED: "pending",
    CallState.CALL_STATE_RINGING: "pending",
    CallState.CALL_STATE_UNKNOWN: "pending",
    CallState.CALL_STATE_IN_PROGRESS: "active",
    CallState.CALL_STATE_ENDED: "completed",
}

_ERRORS: Final[Mapping[int, str]] = {
    Disposition.DISPOSITION_BUSY: "the line was busy",
    Disposition.DISPOSITION_NO_ANSWER: "no answer within the ringing timeout",
    Disposition.DISPOSITION_REJECTED: "the call was declined",
    Disposition.DISPOSITION_INVALID_NUMBER: "the number cannot be reached",
    Disposition.DISPOSITION_FAILED: "the call failed",
    Disposition.DISPOSITION_CANCELLED: "the call was ended before it was answered",
    Disposition.DISPOSITION_UNJOINED: "nobody joined the call",
    Disposition.DISPOSITION_PRESUMED_ENDED: "the carrier has not said how the call ended",
    Disposition.DISPOSITION_UNKNOWN: "the carrier has not said whether the call was placed",
}


def batch_status(batch: Batch, *, is_first: bool) -> str:
    """A batch is pending until the first of its people is dialled."""
    word = (_BATCH_FIRST if is_first else _BATCH)[batch.state]
    return "pending" if word == "running" and not _has_dialled(batch) else word


def has_begun(batch: Batch) -> bool:
    return batch.HasField("start_time") and _has_dialled(batch)


def _has_dialled(batch: Batch) -> bool:
    counts = batch.counts
    dialled = counts.dialing + counts.in_progress + counts.completed + counts.failed
    return dialled + counts.dispatch_accepted > 0


def recipient_status(row: ScheduledCall, *, is_first: bool) -> str:
    return (_RECIPIENT_FIRST if is_first else _RECIPIENT)[row.state]


def recipient_error(row: ScheduledCall) -> str:
    """Empty unless it has failed."""
    if _RECIPIENT[row.state] != "failed":
        return ""
    if row.state == ScheduledCallState.SCHEDULED_CALL_STATE_EXPIRED:
        return "the batch ended before the call was placed"
    if row.state == ScheduledCallState.SCHEDULED_CALL_STATE_SKIPPED:
        return f"the call was held back: {row.state_reason}"
    return _ERRORS.get(row.disposition, "the call could not be placed")


def conversation_status(state: int) -> str:
    return _CONVERSATION[state]
