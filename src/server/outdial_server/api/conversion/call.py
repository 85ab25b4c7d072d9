"""Calls."""

from dataclasses import replace
from typing import Final

from outdial.v1 import call_pb2 as pb
from outdial.v1 import call_service_pb2 as service_pb

from outdial_server.api.conversion.call_event import conversation_to_message
from outdial_server.api.conversion.enums import CALL_STATE, DISPOSITION
from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.request import filter_text
from outdial_server.api.conversion.struct import json_text, plain_struct, struct, struct_of
from outdial_server.api.conversion.times import duration, moment, span, timestamp
from outdial_server.commands.create_call import CallSpec
from outdial_server.domain import limits
from outdial_server.domain.call import Call, CallTexts, DirectPart
from outdial_server.domain.ids import AccountId
from outdial_server.domain.row_checks import RawRow
from outdial_server.domain.told_call import ToldCall

_NO_TEXTS: Final = CallTexts()


def call_to_message(call: Call) -> pb.Call:
    texts = call.texts or _NO_TEXTS
    message = pb.Call(
        call_id=call.call_id,
        batch_id=call.batch_id or "",
        scheduled_call_id=call.scheduled_call_id or "",
        agent_id=call.agent_id,
        attempt_number=call.attempt_number,
        state=CALL_STATE.to_message(call.state),
        disposition=DISPOSITION.to_message(call.disposition),
        reason=call.reason,
        address=call.address,
        caller_id=call.caller_id,
        carrier=call.carrier,
        carrier_config=call.carrier_config,
        carrier_call_id=call.carrier_call_id,
        send_time=timestamp(call.sent_at),
        accept_time=timestamp(call.accepted_at),
        ring_time=timestamp(call.ringing_at),
        answer_time=timestamp(call.answered_at),
        end_time=timestamp(call.ended_at),
        prompt=texts.prompt,
        first_message=texts.first_message,
        join_url=texts.join_url,
    )
    if call.direct is not None:
        message.MergeFrom(_direct_part(call.direct))
    if call.conversation is not None:
        message.conversation.CopyFrom(conversation_to_message(call.conversation))
    return message


def detailed_call(call: Call, told: ToldCall | None) -> pb.Call:
    """With what stands beside it; None where that has been erased meanwhile."""
    if told is None:
        return call_to_message(call)
    texts, conversation = told.call.texts, told.call.conversation
    message = call_to_message(replace(call, texts=texts, conversation=conversation))
    message.metadata.update(told.metadata)
    message.MergeFrom(
        pb.Call(
            annotations=struct(told.annotations_json),
            agent_display_name=told.agent_name,
            agent_annotations=struct(told.agent_annotations_json),
            ring_timeout=duration(told.times.ring_timeout),
            max_call_duration=duration(told.times.max_duration),
        )
    )
    message.create_time.FromDatetime(told.created_at)
    return message


def _direct_part(direct: DirectPart) -> pb.Call:
    return pb.Call(
        template_context=struct(direct.template_context_json),
        metadata=direct.metadata,
        carrier_params=struct_of(direct.carrier_params),
        create_time=timestamp(direct.created_at),
        expire_time=timestamp(direct.expires_at),
    )


def call_spec(account_id: AccountId, request: service_pb.CreateCallRequest) -> CallSpec:
    ring_timeout, context = None, ""
    if request.HasField("ring_timeout"):
        ring_timeout = span(request.ring_timeout, "ring_timeout")
    if request.HasField("template_context"):
        context = json_text(request.template_context, "template_context")
    max_call_duration = limits.CALL_DURATION_DEFAULT
    if request.HasField("max_call_duration"):
        max_call_duration = span(request.max_call_duration, "max_call_duration")
    row = RawRow(
        request.address,
        caller_id=request.caller_id,
        template_context_json=context,
        metadata=dict(request.metadata),
        ring_timeout=ring_timeout,
        carrier_params=plain_struct(request.carrier_params, "carrier_params"),
        annotations_json=json_text(request.annotations, "annotations"),
    )
    wait_until = None
    if request.HasField("wait_until"):
        wait_until = moment(request.wait_until, "wait_until")
    return CallSpec(
        account_id,
        canonical(request.agent_id),
        filter_text("carrier", request.carrier),
        filter_text("carrier_config", request.carrier_config),
        row,
        max_call_duration,
        wait_until,
        filter_text("throttle", request.throttle),
    )
