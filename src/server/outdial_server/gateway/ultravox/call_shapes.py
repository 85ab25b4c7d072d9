"""Calls as they are shown: the shape that webhooks tell, made of what the RPCs answer."""

from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from outdial.v1.call_pb2 import Call as CallMessage
from outdial.v1.scheduled_call_pb2 import Disposition as DispositionEnum

from outdial_server.domain.call import Call, CallState, CallTexts, CallTimes, Disposition
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.ids import AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.told_call import ToldCall
from outdial_server.gateway.ultravox.models import Plain
from outdial_server.gateway.ultravox.paging import ListOf
from outdial_server.gateway.ultravox.structs import object_of
from outdial_server.webhooks import ultravox

_DISPOSITIONS = {
    value: Disposition[name.removeprefix("DISPOSITION_")]
    for name, value in DispositionEnum.items()
    if value
}


class ShownCall(Plain):
    """For the document. A call has no state of its own: see `joined` and `ended`."""

    call_id: str
    client_version: str | None
    created: str
    joined: str | None
    ended: str | None
    end_reason: str | None
    billed_duration: str | None
    billed_side_input_tokens: int | None
    billed_side_output_tokens: int | None
    billing_status: str
    first_speaker: str
    first_speaker_settings: dict[str, Any]
    inactivity_messages: list[dict[str, Any]]
    initial_output_medium: str
    join_timeout: str
    join_url: str | None
    language_hint: str | None
    max_duration: str
    medium: dict[str, Any] | None
    model: str
    recording_enabled: bool
    retention_policy: str | None
    system_prompt: str | None
    temperature: float
    time_exceeded_message: str | None
    voice: str | None
    transcript_optional: bool
    vad_settings: dict[str, Any] | None
    short_summary: str | None
    summary: str | None
    agent: dict[str, Any]
    agent_id: str
    experimental_settings: Any
    metadata: dict[str, str]
    initial_state: dict[str, Any]
    request_context: Any
    sip_details: dict[str, Any] | None


class CallList(ListOf):
    results: list[ShownCall]


def call_object(call: CallMessage) -> dict[str, Any]:
    """Of one that was asked for with its details."""
    return ultravox.call_object(_told(call))


def _told(call: CallMessage) -> ToldCall:
    times = CallTimes(call.ring_timeout.ToTimedelta(), call.max_call_duration.ToTimedelta())
    return ToldCall(
        _call(call),
        call.create_time.ToDatetime(tzinfo=UTC),
        call.agent_display_name,
        times,
        dict(call.metadata),
        annotations_json=_json(call.annotations),
        agent_annotations_json=_json(call.agent_annotations),
    )


def _json(struct: Struct) -> str:
    told = object_of(struct)
    return orjson.dumps(told).decode() if told else ""


def _call(call: CallMessage) -> Call:
    return Call(
        CallId(call.call_id),
        BatchId(call.batch_id) if call.batch_id else None,
        ScheduledCallId(call.scheduled_call_id) if call.scheduled_call_id else None,
        AgentId(call.agent_id),
        call.attempt_number,
        # Of no use to the shape, which goes by the moments.
        CallState.ENDED if call.HasField("end_time") else CallState.SENDING,
        _DISPOSITIONS.get(call.disposition),
        call.reason,
        call.address,
        call.caller_id,
        call.carrier,
        call.carrier_call_id,
        sent_at=_at(call, "send_time"),
        accepted_at=_at(call, "accept_time"),
        ringing_at=_at(call, "ring_time"),
        answered_at=_at(call, "answer_time"),
        ended_at=_at(call, "end_time"),
        texts=CallTexts(call.prompt, call.first_message, call.join_url),
        conversation=Conversation(summary=call.conversation.summary),
    )


def _at(call: Message, field: str) -> datetime | None:
    told: datetime | None = None
    if call.HasField(field):
        told = getattr(call, field).ToDatetime(tzinfo=UTC)
    return told
