"""What came of one row, as plain values."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.call_pb2 import Call, CallState
from outdial.v1.scheduled_call_pb2 import (
    DispatchOutcome,
    Disposition,
    ScheduledCall,
    ScheduledCallState,
)
from outdial.v1.scheduled_call_service_pb2 import ScheduledCallResult

Value = str | int | float | None

CONTEXT = "context."
METADATA = "metadata."

# Up to here doubles tell every whole number from its neighbours.
_EXACT = 2.0**53


def plain_values(result: ScheduledCallResult) -> dict[str, Value]:
    """What every row has, by column; None for what is not there.

    Moments are ISO 8601 in UTC, lengths of time seconds, enums lower-case words.
    """
    row, call = result.scheduled_call, result.call
    return {
        **_row_values(row),
        "caller_id": call.caller_id or row.caller_id or None,
    } | _call_values(call)


def _row_values(row: ScheduledCall) -> dict[str, Value]:
    return {
        "position": row.position,
        "scheduled_call_id": row.scheduled_call_id,
        "custom_id": row.custom_id or None,
        "address": row.address,
        "time_zone": row.time_zone or None,
        "priority": row.priority,
        "state": _word(_STATES, row.state),
        "state_reason": row.state_reason or None,
        "disposition": _word(_DISPOSITIONS, row.disposition),
        "dispatch_outcome": _word(_DISPATCH_OUTCOMES, row.dispatch_outcome),
        "attempts": row.attempt_count,
        "create_time": _moment(row.create_time),
        "due_time": _moment(row.due_time),
        "dispatch_time": _moment(row.dispatch_time),
        "end_time": _moment(row.end_time),
    }


def _call_values(call: Call) -> dict[str, Value]:
    return {
        "call_id": call.call_id or None,
        "call_state": _word(_CALL_STATES, call.state),
        "call_reason": call.reason or None,
        "carrier": call.carrier or None,
        "carrier_call_id": call.carrier_call_id or None,
        "send_time": _moment(call.send_time),
        "accept_time": _moment(call.accept_time),
        "ring_time": _moment(call.ring_time),
        "answer_time": _moment(call.answer_time),
        "call_end_time": _moment(call.end_time),
        "ring_seconds": _seconds(call.ring_time, call.answer_time, call.end_time),
        "talk_seconds": _seconds(call.answer_time, call.end_time),
    }


def context_of(row: ScheduledCall) -> dict[str, Any]:
    """The template values as they were given, by name.

    A Struct makes a double of every number, and its order is another one each time.
    """
    return _plain(row.template_context)


def annotations_of(row: ScheduledCall) -> dict[str, Any]:
    """The same of the annotations."""
    return _plain(row.annotations)


def conversation_of(call: Call) -> dict[str, Any] | None:
    """What was said in the call; None where nothing was reported."""
    if not call.HasField("conversation"):
        return None
    said: dict[str, Any] = _undoubled(
        MessageToDict(call.conversation, preserving_proto_field_name=True)
    )
    return said


def _plain(struct: Struct) -> dict[str, Any]:
    values: dict[str, Any] = _undoubled(MessageToDict(struct))
    return values


def extra_cells(row: ScheduledCall) -> Iterator[tuple[str, str]]:
    """Template values and metadata, each with the column that it goes to."""
    for name, value in context_of(row).items():
        yield CONTEXT + name, _cell(value)
    for name in sorted(row.metadata):
        yield METADATA + name, row.metadata[name]


def plain_cells(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """The same values as cells; empty for None."""
    for name, value in values.items():
        yield name, "" if value is None else str(value)


def unknown_columns(names: Iterable[str]) -> list[str]:
    """Those that no row can have."""
    return [
        name
        for name in names
        if name not in PLAIN_COLUMNS and not name.startswith((CONTEXT, METADATA))
    ]


def _undoubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _undoubled(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_undoubled(inner) for inner in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return int(value) if is_whole else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _words(enum: Any) -> dict[int, str | None]:
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    return {
        value: name.removeprefix(prefix).lower() if value else None for name, value in enum.items()
    }


_STATES = _words(ScheduledCallState)
_DISPOSITIONS = _words(Disposition)
_DISPATCH_OUTCOMES = _words(DispatchOutcome)
_CALL_STATES = _words(CallState)


def _word(words: dict[int, str | None], value: int) -> str | None:
    # A server that is newer than this client may have more of them.
    return words.get(value, str(value))


def _time(timestamp: Timestamp) -> datetime | None:
    return timestamp.ToDatetime(tzinfo=UTC) if timestamp.ByteSize() else None


def _moment(timestamp: Timestamp) -> str | None:
    moment = _time(timestamp)
    if moment is None:
        return None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds(start: Timestamp, *ends: Timestamp) -> float | None:
    """From `start` to the first of `ends` that there is."""
    began = _time(start)
    ended = next((moment for end in ends if (moment := _time(end)) is not None), None)
    if began is None or ended is None:
        return None
    return round((ended - began).total_seconds(), 3)


PLAIN_COLUMNS = tuple(plain_values(ScheduledCallResult()))
