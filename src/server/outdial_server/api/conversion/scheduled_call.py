"""Scheduled calls."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from outdial.v1 import scheduled_call_pb2 as pb

from outdial_server.api.conversion.enums import (
    DISPATCH_OUTCOME,
    DISPOSITION,
    SCHEDULED_CALL_STATE,
)
from outdial_server.api.conversion.struct import json_text, struct
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.checks import RawRow
from outdial_server.domain.scheduled_call import ScheduledCall

_NO_METADATA: Final[Mapping[str, str]] = {}


def raw_rows(messages: Iterable[pb.ScheduledCall]) -> Iterator[RawRow]:
    """One by one: the command takes them in slices, so that a long list never holds the
    event loop. What most rows do not have is not made for them."""
    for index, message in enumerate(messages):
        metadata = message.metadata
        yield RawRow(
            message.address,
            message.custom_id,
            message.time_zone,
            message.priority,
            message.caller_id,
            _context_json(message, index) if message.HasField("template_context") else "",
            dict(metadata) if metadata else _NO_METADATA,
        )


def _context_json(message: pb.ScheduledCall, index: int) -> str:
    return json_text(message.template_context, f"scheduled_calls[{index}].template_context")


def scheduled_call_to_message(row: ScheduledCall) -> pb.ScheduledCall:
    return pb.ScheduledCall(
        scheduled_call_id=row.scheduled_call_id,
        batch_id=row.batch_id,
        position=row.position,
        address=row.address,
        normalized_address=row.normalized_address,
        custom_id=row.custom_id,
        time_zone=row.time_zone,
        priority=row.priority,
        caller_id=row.caller_id,
        template_context=struct(row.template_context_json),
        metadata=row.metadata,
        state=SCHEDULED_CALL_STATE.to_message(row.state),
        state_reason=row.state_reason,
        dispatch_outcome=DISPATCH_OUTCOME.to_message(row.dispatch_outcome),
        dispatch_time=timestamp(row.dispatched_at),
        attempt_count=row.attempt_count,
        call_id=row.call_id or "",
        disposition=DISPOSITION.to_message(row.disposition),
        due_time=timestamp(row.due_at),
        create_time=timestamp(row.created_at),
        end_time=timestamp(row.ended_at),
    )
