"""Single calls, and those that batch calls have made."""

from datetime import timedelta
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Query
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1 import call_pb2, call_service_pb2
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.encoding import to_object
from outdial_server.gateway.truedy import schedules
from outdial_server.gateway.truedy.asked import asked as request_now
from outdial_server.gateway.truedy.batch_reading import moment_of, time_of
from outdial_server.gateway.truedy.batch_shapes import Moment
from outdial_server.gateway.truedy.call_shapes import (
    Call,
    CallSettings,
    CallStatusFilter,
    Direction,
    NewCall,
    Turn,
)
from outdial_server.gateway.truedy.call_statuses import call_status, ends_of, states_of
from outdial_server.gateway.truedy.envelopes import Listed, One, listed, one
from outdial_server.gateway.truedy.idempotency import IdempotencyKey
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.outbound_numbers import agent_of, carrier_of
from outdial_server.gateway.truedy.paging import Limit, Offset, part_of
from outdial_server.gateway.truedy.routing import Asks, Routes

PATH: Final = "/calls"

WAITS_FOR_ROOM: Final = timedelta(hours=1)
"""So long a call is queued while limits have no room for it; then it fails."""

_SETTINGS: Final = "truedy.call_settings"

MomentQuery = Annotated[Moment | None, Query()]


async def list_calls(
    asks: Asks,
    status: Annotated[
        CallStatusFilter | None,
        Query(description="`in_progress` and `completed` are in-progress and ended."),
    ] = None,
    direction: Direction | None = None,
    agent_id: str | None = None,
    created_after: MomentQuery = None,
    created_before: MomentQuery = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Response:
    """Newest first, those of batch calls among them."""
    if direction == "inbound":
        return listed([], 0, limit, offset)
    request = call_service_pb2.ListCallsRequest(
        states=states_of(status),
        dispositions=ends_of(status),
        agent_ids=[core_id(agent_id)] if agent_id else [],
        created_from=_moment("created_after", created_after),
        created_before=_moment("created_before", created_before),
        show_details=True,
    )
    answer = call_service_pb2.ListCallsResponse
    calls, total = await part_of(asks, request, answer, "calls", limit, offset)
    return listed([shown(call) for call in calls], total, limit, offset)


def _moment(field: str, text: str | None) -> Timestamp | None:
    """What has no offset is UTC."""
    return None if text is None else schedules.moment(text, "UTC", field)


async def create_call(asked: NewCall, asks: Asks, key: IdempotencyKey = "") -> Response:
    """Calls somebody at once, or as soon as limits have room."""
    settings = asked.call_settings or CallSettings()
    create = call_service_pb2.CreateCallRequest(
        agent_id=core_id(asked.agent_id),
        address=asked.phone_number,
        caller_id=asked.from_number or "",
        template_context=_values(asked.variables or {}),
        ring_timeout=_length(settings.join_timeout),
        max_call_duration=_length(settings.max_duration),
        carrier=await _carrier(asks, asked),
        annotations=_struct({_SETTINGS: settings.model_dump()}),
    )
    create.wait_until.FromDatetime(request_now().at + WAITS_FOR_ROOM)
    made = await asks.ask(create, call_service_pb2.CreateCallResponse)
    return one(shown(await _call(asks, made.call.call_id)), 201)


async def get_call(call_id: str, asks: Asks) -> Response:
    return one(shown(await _call(asks, core_id(call_id))))


async def _call(asks: Caller, call_id: str) -> call_pb2.Call:
    request = call_service_pb2.GetCallRequest(call_id=call_id, show_details=True)
    return (await asks.ask(request, call_service_pb2.GetCallResponse)).call


async def _carrier(asks: Caller, asked: NewCall) -> str:
    """That of the number which is shown. Raises InvalidFieldsError for a number that is none of
    the agent's."""
    numbers = (await agent_of(asks, core_id(asked.agent_id))).outbound_numbers
    shown_first = [number for number in numbers if asked.from_number in (None, number.address)]
    if shown_first:
        return await carrier_of(asks, shown_first[0].phone_number_id)
    if asked.from_number:
        raise invalid_field("from_number", "is no outbound number of the agent")
    return ""


def _values(variables: dict[str, Any]) -> Struct:
    return _struct({name: _as_text(value) for name, value in variables.items()})


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _struct(values: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(values)
    return made


def _length(text: str) -> Duration:
    return Duration(seconds=int(text.removesuffix("s")))


def shown(call: call_pb2.Call) -> Call:
    started, ended = time_of(call, "answer_time"), time_of(call, "end_time")
    conversation = call.conversation
    kept: dict[str, Any] = to_object(call.annotations)
    settings = kept.get(_SETTINGS)
    return Call(
        id=call.call_id,
        agent_id=call.agent_id,
        batch_call_id=call.batch_id or None,
        phone_number=call.address,
        from_number=call.caller_id or None,
        status=call_status(call),
        variables=to_object(call.template_context),
        call_settings=settings if isinstance(settings, dict) else None,
        created_at=moment_of(call.create_time),
        started_at=time_of(call, "send_time"),
        answered_at=started,
        ended_at=ended,
        duration_seconds=int((ended - started).total_seconds()) if started and ended else None,
        end_reason=call.reason or None,
        summary=conversation.summary or None,
        recording_url=conversation.recording_url or None,
        transcript=[_turn(turn) for turn in conversation.utterances],
    )


def _turn(turn: call_pb2.Utterance) -> Turn:
    is_agent = turn.speaker == call_pb2.SPEAKER_AGENT
    return Turn(
        speaker="agent" if is_agent else "contact",
        text=turn.text,
        timestamp=turn.offset.ToTimedelta().total_seconds() if turn.HasField("offset") else None,
    )


def add_calls(api: FastAPI) -> None:
    routes = Routes(api, "Calls")
    routes.get(PATH, list_calls, Listed[Call])
    routes.post(PATH, create_call, One[Call])
    routes.get(f"{PATH}/{{call_id}}", get_call, One[Call])
