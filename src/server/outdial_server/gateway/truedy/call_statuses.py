"""What has become of a call, in one word of the documents."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from outdial.v1 import call_pb2, scheduled_call_pb2

from outdial_server.gateway.truedy.call_shapes import CallStatus, CallStatusFilter

_State: TypeAlias = call_pb2.CallState.ValueType
_Disposition: TypeAlias = scheduled_call_pb2.Disposition.ValueType

_LIVE: Final[Mapping[_State, CallStatus]] = {
    call_pb2.CALL_STATE_WAITING: "queued",
    call_pb2.CALL_STATE_SENDING: "queued",
    call_pb2.CALL_STATE_ACCEPTED: "queued",
    # Nobody knows whether it was placed.
    call_pb2.CALL_STATE_UNKNOWN: "queued",
    call_pb2.CALL_STATE_RINGING: "ringing",
    call_pb2.CALL_STATE_IN_PROGRESS: "in-progress",
}

_ENDED: Final[Mapping[_Disposition, CallStatus]] = {
    scheduled_call_pb2.DISPOSITION_ANSWERED_HUMAN: "ended",
    scheduled_call_pb2.DISPOSITION_ANSWERED_MACHINE: "ended",
    scheduled_call_pb2.DISPOSITION_PRESUMED_ENDED: "ended",
    scheduled_call_pb2.DISPOSITION_BUSY: "failed",
    scheduled_call_pb2.DISPOSITION_NO_ANSWER: "failed",
    scheduled_call_pb2.DISPOSITION_REJECTED: "failed",
    scheduled_call_pb2.DISPOSITION_INVALID_NUMBER: "failed",
    scheduled_call_pb2.DISPOSITION_FAILED: "failed",
    scheduled_call_pb2.DISPOSITION_UNJOINED: "failed",
    scheduled_call_pb2.DISPOSITION_UNKNOWN: "failed",
    scheduled_call_pb2.DISPOSITION_CANCELLED: "cancelled",
}

_ALIASES: Final[Mapping[CallStatusFilter, CallStatus]] = {
    "in_progress": "in-progress",
    "completed": "ended",
}


def call_status(call: call_pb2.Call) -> CallStatus:
    return _LIVE[call.state] if call.state in _LIVE else _ENDED[call.disposition]


def states_of(status: CallStatusFilter | None) -> Sequence[_State]:
    wanted = _wanted(status)
    if wanted in _ENDED.values():
        return [call_pb2.CALL_STATE_ENDED]
    return [state for state, told in _LIVE.items() if told == wanted]


def ends_of(status: CallStatusFilter | None) -> Sequence[_Disposition]:
    wanted = _wanted(status)
    return [end for end, told in _ENDED.items() if told == wanted]


def _wanted(status: CallStatusFilter | None) -> str | None:
    return _ALIASES.get(status, status) if status else None
