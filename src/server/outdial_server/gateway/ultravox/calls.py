"""Calls: listed, read, deleted, and made for an agent."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from outdial.v1.call_pb2 import Call
from outdial.v1.call_service_pb2 import (
    CreateCallRequest,
    CreateCallResponse,
    DeleteCallRequest,
    DeleteCallResponse,
    GetCallRequest,
    GetCallResponse,
    ListCallsRequest,
    ListCallsResponse,
)
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.agents import find_agent
from outdial_server.gateway.ultravox.answer import answer
from outdial_server.gateway.ultravox.call_search import CallQuery, search_of
from outdial_server.gateway.ultravox.call_shapes import CallList, ShownCall, call_object
from outdial_server.gateway.ultravox.carriers import way_of_call
from outdial_server.gateway.ultravox.documents import refusals
from outdial_server.gateway.ultravox.media import Outgoing, SipOutgoing, address_of
from outdial_server.gateway.ultravox.models import Metadata
from outdial_server.gateway.ultravox.paging import envelope, part_of
from outdial_server.gateway.ultravox.parts import Asks, Wanted
from outdial_server.gateway.ultravox.scheduled_calls import number_or_none
from outdial_server.gateway.ultravox.templates import CallSettings, template_of
from outdial_server.gateway.ultravox.throttles import named_throttle

ROUTES: Final = APIRouter(tags=["Calls"], route_class=DialectRoute)

_CALLS: Final = "/api/calls"
_CALL: Final = "/api/calls/{call_id}"
_OF_AGENT: Final = "/api/agents/{agent_id}/calls"

_OWN: Final = frozenset({"templateContext", "metadata", "experimentalSettings", "agentId"})
"""What a call has a place for of its own; the rest of its settings is kept and given back."""


class StartAgentCall(CallSettings):
    template_context: dict[str, Any] | None = None
    metadata: Metadata | None = None
    experimental_settings: Any = None
    initial_messages: list[dict[str, Any]] | None = None
    tool_overrides: dict[str, Any] | None = None
    callbacks: dict[str, Any] | None = None
    agent_id: str | None = None


@ROUTES.get(
    _CALLS,
    operation_id="calls_list",
    response_model=CallList,
    responses=refusals(400, 404),
)
async def list_calls(
    request: Request, asks: Asks, wanted: Wanted, query: Annotated[CallQuery, Query()]
) -> Response:
    """Newest first. What is looked for besides agents and dates is looked for among the latest
    20,000 calls that fit those."""
    return answer(await search_of(request, query).page(asks, wanted))


@ROUTES.get(
    _CALL,
    operation_id="calls_retrieve",
    response_model=ShownCall,
    responses=refusals(404),
)
async def get_call(call_id: str, asks: Asks) -> Response:
    return answer(call_object(await _find(asks, call_id)))


@ROUTES.delete(
    _CALL,
    status_code=204,
    operation_id="calls_destroy",
    responses=refusals(400, 404),
)
async def delete_call(call_id: str, asks: Asks) -> Response:
    """Of calls that are over alone."""
    await asks.ask(DeleteCallRequest(call_id=call_id), DeleteCallResponse)
    return Response(status_code=204)


@ROUTES.get(
    _OF_AGENT,
    operation_id="agents_calls_list",
    response_model=CallList,
    responses=refusals(400, 404),
)
async def list_calls_of_agent(agent_id: str, asks: Asks, wanted: Wanted) -> Response:
    """Newest first."""
    request = ListCallsRequest(agent_ids=[agent_id], show_details=True)
    calls, total = await part_of(asks, request, ListCallsResponse, "calls", wanted)
    return answer(envelope(wanted, list(map(call_object, calls)), total))


@ROUTES.post(
    _OF_AGENT,
    status_code=201,
    operation_id="agents_calls_create",
    response_model=ShownCall,
    responses=refusals(400, 404),
)
async def create_call(
    agent_id: str,
    body: StartAgentCall,
    asks: Asks,
    throttle: Annotated[str | None, Query()] = None,
) -> Response:
    """At once, ahead of all batches, or not at all: 429 where the throttle, by its name or id, or
    another limit has no room. Outgoing media alone: who calls for themselves need not ask."""
    agent = await find_agent(asks, agent_id)
    template = template_of(agent)
    medium = body.medium or template.medium
    dialled = None if medium is None else medium.dialled
    if dialled is None:
        raise invalid_field("medium", "Calls are made by outgoing media here.")
    if body.callbacks:
        raise invalid_field("callbacks", "Only webhooks of the account are told here.")
    request = CreateCallRequest(agent_id=agent.agent_id, metadata=body.metadata or {})
    _dial(request, *dialled)
    way = await way_of_call(asks, dialled[0])
    request.carrier, request.carrier_config = way.carrier, way.carrier_config
    if throttle is not None:
        request.throttle = (await named_throttle(asks, throttle)).throttle_id
    _limit(request, body, template)
    if body.template_context:
        request.template_context.update(body.template_context)
    request.annotations.update(_kept(body))
    made = await asks.ask(request, CreateCallResponse)
    return answer(call_object(await _find(asks, made.call.call_id)), 201)


def _dial(request: CreateCallRequest, carrier: str, outgoing: Outgoing | SipOutgoing) -> None:
    try:
        request.address = address_of(carrier, outgoing.to)
    except PydanticCustomError as error:
        raise invalid_field("medium", error.message()) from None
    request.caller_id = number_or_none(outgoing.from_) or ""
    if isinstance(outgoing, Outgoing) and outgoing.additional_params:
        request.carrier_params.update(outgoing.additional_params)


def _limit(request: CreateCallRequest, body: CallSettings, template: CallSettings) -> None:
    join_timeout = body.join_timeout or template.join_timeout
    if join_timeout is not None:
        request.ring_timeout.FromTimedelta(join_timeout)
    max_duration = body.max_duration or template.max_duration
    if max_duration is not None:
        request.max_call_duration.FromTimedelta(max_duration)


def _kept(body: StartAgentCall) -> dict[str, Any]:
    settings = body.written()
    kept: dict[str, Any] = {"experimentalSettings": body.experimental_settings}
    if "medium" in settings:
        kept["medium"] = settings.pop("medium")
    others = {name: value for name, value in settings.items() if name not in _OWN}
    return kept | ({"callTemplate": others} if others else {})


async def _find(asks: Caller, call_id: str) -> Call:
    request = GetCallRequest(call_id=call_id, show_details=True)
    return (await asks.ask(request, GetCallResponse)).call
