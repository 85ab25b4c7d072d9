"""Scheduled calls."""

from collections.abc import Mapping
from typing import Final

from outdial.v1 import scheduled_call_pb2 as pb

from outdial_server.api.conversion.enums import (
    DISPATCH_OUTCOME,
    DISPOSITION,
    MEDIUM,
    SCHEDULED_CALL_STATE,
    TIME_ZONE_SOURCE,
)
from outdial_server.api.conversion.struct import json_text, plain_struct, struct, struct_of
from outdial_server.api.conversion.times import duration, span, timestamp
from outdial_server.domain.carrier_params import NO_PARAMS, Params
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError
from outdial_server.domain.row_checks import RawRow
from outdial_server.domain.scheduled_call import ScheduledCall

_NO_METADATA: Final[Mapping[str, str]] = {}
_NO_FAULTS: Final[tuple[FieldViolation, ...]] = ()
_NO_CONTACT: Final = ""


def raw_row(message: pb.ScheduledCall) -> RawRow:
    """What most rows do not have is not made for them."""
    metadata = message.metadata
    context_json, annotations_json, faults = "", "", _NO_FAULTS
    ring_timeout, max_call_duration, medium = None, None, None
    carrier_params: Params = NO_PARAMS
    # What is wrong here is like any other fault of a row, and not of the request.
    try:
        if message.HasField("template_context"):
            context_json = json_text(message.template_context, "template_context")
        if message.HasField("annotations"):
            annotations_json = json_text(message.annotations, "annotations")
        if message.HasField("ring_timeout"):
            ring_timeout = span(message.ring_timeout, "ring_timeout")
        if message.HasField("max_call_duration"):
            max_call_duration = span(message.max_call_duration, "max_call_duration")
        if message.HasField("carrier_params"):
            carrier_params = plain_struct(message.carrier_params, "carrier_params")
        if message.medium:
            medium = MEDIUM.from_message(message.medium, "medium")
    except InvalidFieldsError as error:
        faults = error.violations
    # By place, as lists are long: by name it takes half as long again.
    return RawRow(
        message.address,
        message.custom_id,
        message.time_zone,
        message.priority,
        message.caller_id,
        context_json,
        {key: metadata[key] for key in metadata} if metadata else _NO_METADATA,
        faults,
        ring_timeout,
        annotations_json,
        _NO_CONTACT,
        _NO_CONTACT,
        max_call_duration,
        carrier_params,
        medium,
        message.carrier_config,
    )


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
        effective_time_zone=row.effective_time_zone,
        time_zone_source=TIME_ZONE_SOURCE.to_message(row.time_zone_source),
        ring_timeout=None if row.ring_timeout is None else duration(row.ring_timeout),
        max_call_duration=(
            None if row.max_call_duration is None else duration(row.max_call_duration)
        ),
        contact_id=row.contact_id,
        contact_folder_id=row.contact_folder_id,
        annotations=struct(row.annotations_json),
        carrier_params=struct_of(row.carrier_params),
        medium=MEDIUM.to_message(row.medium),
        send_time=timestamp(row.sent_at),
        carrier_config=row.carrier_config,
    )
