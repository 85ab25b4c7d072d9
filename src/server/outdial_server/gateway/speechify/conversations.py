"""Conversations: calls, and what was said in them."""

from datetime import UTC, timedelta
from typing import Any, Final

from fastapi import APIRouter
from outdial.v1.call_pb2 import Call, CallState, Speaker, Utterance
from outdial.v1.call_service_pb2 import GetCallRequest, GetCallResponse
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.scheduled_call_service_pb2 import (
    GetScheduledCallRequest,
    GetScheduledCallResponse,
)
from pydantic import BaseModel
from starlette.responses import Response

from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.speechify.answers import answer
from outdial_server.gateway.speechify.asked import Asks
from outdial_server.gateway.speechify.ids import known_id, shown_id
from outdial_server.gateway.speechify.moments import moment, shown_moment
from outdial_server.gateway.speechify.paging import page_of
from outdial_server.gateway.speechify.statuses import conversation_status

PREFIXES: Final = ("/v1/agents/conversations", "/v1/conversations")
"""That of today, and that of the first pages."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_ROLES: Final = {Speaker.SPEAKER_AGENT: "assistant", Speaker.SPEAKER_PERSON: "user"}


class Conversation(BaseModel):
    id: str
    agent_id: str
    status: str
    duration_ms: int
    started_at: str | None
    ended_at: str | None
    recording_url: str | None
    metadata: dict[str, str]


class Message(BaseModel):
    id: str
    role: str
    content: str
    started_at: str | None


class MessageList(BaseModel):
    next_cursor: str | None
    has_more: bool
    messages: list[Message]


router = APIRouter(tags=["Conversations"])


async def get(conversation_id: str, asks: Asks) -> Response:
    call = await _call_of(asks, conversation_id)
    return answer(_shown(call, await _row_of(asks, call)))


async def list_messages(conversation_id: str, asks: Asks) -> Response:
    """The transcript, as far as it was reported; all of it on one page."""
    call = await _call_of(asks, conversation_id)
    said = enumerate(call.conversation.utterances)
    return answer(page_of("messages", [_message(call, place, one) for place, one in said], ""))


for _prefix in PREFIXES:
    _is_old = _prefix != PREFIXES[0] or None
    _one = f"{_prefix}/{{conversation_id}}"
    router.add_api_route(_one, get, response_model=Conversation, deprecated=_is_old)
    router.add_api_route(
        f"{_one}/messages", list_messages, response_model=MessageList, deprecated=_is_old
    )


async def _call_of(asks: Caller, conversation_id: str) -> Call:
    request = GetCallRequest(call_id=known_id("conv", conversation_id))
    return (await asks.ask(request, GetCallResponse)).call


async def _row_of(asks: Caller, call: Call) -> ScheduledCall | None:
    """None for a single call, and for one whose batch is gone."""
    if not call.scheduled_call_id:
        return None
    request = GetScheduledCallRequest(scheduled_call_id=call.scheduled_call_id)
    try:
        return (await asks.ask(request, GetScheduledCallResponse)).scheduled_call
    except RpcRefusedError:
        return None


def _shown(call: Call, row: ScheduledCall | None) -> dict[str, Any]:
    started = "answer_time" if call.HasField("answer_time") else "send_time"
    return {
        "id": shown_id("conv", call.call_id),
        "agent_id": shown_id("agent", call.agent_id),
        "status": conversation_status(call.state),
        "duration_ms": _duration_ms(call),
        "started_at": moment(call, started),
        "ended_at": moment(call, "end_time"),
        "recording_url": call.conversation.recording_url or None,
        "metadata": _metadata(call, row),
    }


def _duration_ms(call: Call) -> int:
    if call.conversation.HasField("duration"):
        return call.conversation.duration.ToTimedelta() // _MILLISECOND
    if call.HasField("answer_time") and call.state == CallState.CALL_STATE_ENDED:
        ended, answered = call.end_time.ToDatetime(), call.answer_time.ToDatetime()
        return (ended - answered) // _MILLISECOND
    return 0


def _metadata(call: Call, row: ScheduledCall | None) -> dict[str, str]:
    """With the ids that lead back, as in webhooks."""
    own = dict(call.metadata if row is None else row.metadata)
    links = {
        "batch_id": shown_id("batch", call.batch_id),
        "recipient_id": shown_id("recipient", call.scheduled_call_id),
        "custom_id": row.custom_id if row is not None else "",
    }
    return own | {name: text for name, text in links.items() if text}


def _message(call: Call, place: int, one: Utterance) -> dict[str, Any]:
    started_at = None
    if one.HasField("offset") and call.HasField("answer_time"):
        started_at = shown_moment(call.answer_time.ToDatetime(UTC) + one.offset.ToTimedelta())
    return {
        "id": f"{shown_id('msg', call.call_id)}_{place}",
        "role": _ROLES[one.speaker],
        "content": one.text,
        "started_at": started_at,
    }
