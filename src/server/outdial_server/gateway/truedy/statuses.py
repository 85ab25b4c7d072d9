"""The statuses of the documents, one table each."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from outdial.v1 import batch_pb2, scheduled_call_pb2

BatchStatus = Literal["draft", "scheduled", "active", "paused", "completed", "failed", "cancelled"]
BatchStatusFilter = Literal[
    "draft", "scheduled", "active", "running", "paused", "completed", "failed", "cancelled"
]
ContactStatus = Literal["pending", "scheduled", "calling", "completed", "failed", "cancelled"]
Rotation = Literal["random", "sequential", "round_robin"]

_BatchState: TypeAlias = batch_pb2.BatchState.ValueType
_ContactState: TypeAlias = scheduled_call_pb2.ScheduledCallState.ValueType
_CoreRotation: TypeAlias = batch_pb2.Rotation.ValueType

_BATCH: Final[Mapping[_BatchState, BatchStatus]] = {
    batch_pb2.BATCH_STATE_DRAFT: "draft",
    batch_pb2.BATCH_STATE_SCHEDULED: "scheduled",
    batch_pb2.BATCH_STATE_RUNNING: "active",
    batch_pb2.BATCH_STATE_PAUSED: "paused",
    batch_pb2.BATCH_STATE_COMPLETED: "completed",
    batch_pb2.BATCH_STATE_CANCELLED: "cancelled",
    batch_pb2.BATCH_STATE_FAILED: "failed",
}

_CONTACT: Final[Mapping[_ContactState, ContactStatus]] = {
    scheduled_call_pb2.SCHEDULED_CALL_STATE_DIALING: "calling",
    scheduled_call_pb2.SCHEDULED_CALL_STATE_IN_PROGRESS: "calling",
    scheduled_call_pb2.SCHEDULED_CALL_STATE_COMPLETED: "completed",
    scheduled_call_pb2.SCHEDULED_CALL_STATE_FAILED: "failed",
    scheduled_call_pb2.SCHEDULED_CALL_STATE_EXPIRED: "failed",
    scheduled_call_pb2.SCHEDULED_CALL_STATE_SKIPPED: "failed",
    scheduled_call_pb2.SCHEDULED_CALL_STATE_CANCELLED: "cancelled",
}
"""Of WAITING it depends on the batch; see `contact_status`."""

_WAITING: Final = scheduled_call_pb2.SCHEDULED_CALL_STATE_WAITING

ROTATIONS: Final[Mapping[Rotation, _CoreRotation]] = {
    "random": batch_pb2.ROTATION_RANDOM,
    "sequential": batch_pb2.ROTATION_SEQUENTIAL,
    "round_robin": batch_pb2.ROTATION_ROUND_ROBIN,
}


def batch_status(state: _BatchState) -> BatchStatus:
    return _BATCH[state]


def batch_states(status: BatchStatusFilter | None) -> Sequence[_BatchState]:
    """`running` is the word of newer samples for `active`."""
    wanted = "active" if status == "running" else status
    return [state for state, told in _BATCH.items() if told == wanted]


def contact_status(state: _ContactState, *, is_draft: bool) -> ContactStatus:
    """In a draft nobody has a time to be called at."""
    return _waiting(is_draft) if state == _WAITING else _CONTACT[state]


def contact_states(status: ContactStatus, *, is_draft: bool) -> Sequence[_ContactState]:
    """None for a status that nobody of the batch can have."""
    if status == _waiting(is_draft):
        return [_WAITING]
    return [state for state, told in _CONTACT.items() if told == status]


def _waiting(is_draft: bool) -> ContactStatus:
    return "pending" if is_draft else "scheduled"


def rotation_word(rotation: _CoreRotation) -> Rotation:
    words = {number: word for word, number in ROTATIONS.items()}
    return words.get(rotation, "random")
