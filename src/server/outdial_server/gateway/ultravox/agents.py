"""Agents: create, list, retrieve, change, delete."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import (
    CreateAgentRequest,
    CreateAgentResponse,
    DeleteAgentRequest,
    DeleteAgentResponse,
    GetAgentRequest,
    GetAgentResponse,
    ListAgentsRequest,
    ListAgentsResponse,
    UpdateAgentRequest,
    UpdateAgentResponse,
)
from outdial.v1.call_service_pb2 import ListCallsRequest, ListCallsResponse
from pydantic import Field
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.answer import NO_CONTENT, answer, moment_or_none
from outdial_server.gateway.ultravox.documents import refusals
from outdial_server.gateway.ultravox.models import Plain
from outdial_server.gateway.ultravox.paging import ListOf, envelope, everything, part_of
from outdial_server.gateway.ultravox.parts import Asks, Stands, Wanted
from outdial_server.gateway.ultravox.structs import object_of
from outdial_server.gateway.ultravox.templates import (
    KEPT,
    CallTemplate,
    merged,
    shown_template,
)

ROUTES: Final = APIRouter(tags=["Agents"], route_class=DialectRoute)

_AGENTS: Final = "/api/agents"
_AGENT: Final = "/api/agents/{agent_id}"

_UNNAMED_CHARS: Final = 8

_SORTS: Final[Mapping[str, Callable[[Agent], Any]]] = {
    "created": lambda agent: agent.agent_id,
    "name": lambda agent: agent.display_name,
}


class AgentBody(Plain):
    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    call_template: CallTemplate | None = None


class Statistics(Plain):
    calls: int


class ShownAgent(Plain):
    agent_id: str
    published_revision_id: str | None
    name: str
    created: str
    call_template: dict[str, Any] | None
    statistics: Statistics


class AgentList(ListOf):
    results: list[ShownAgent]


async def find_agent(asks: Caller, agent_id: str) -> Agent:
    return (await asks.ask(GetAgentRequest(agent_id=agent_id), GetAgentResponse)).agent


@ROUTES.get(
    _AGENTS,
    operation_id="agents_list",
    response_model=AgentList,
    responses=refusals(400, 404),
)
async def list_agents(
    asks: Asks, wanted: Wanted, search: str = "", sort: Annotated[str, Query()] = ""
) -> Response:
    """Oldest first, unless `sort` names `created` or `name`, with a `-` for the other way round."""
    if search or sort:
        agents = await everything(asks, ListAgentsRequest(), ListAgentsResponse, "agents")
        agents = _sorted([agent for agent in agents if _is_found(agent, search)], sort)
        part, total = agents[wanted.start : wanted.start + wanted.size], len(agents)
    else:
        part, total = await part_of(asks, ListAgentsRequest(), ListAgentsResponse, "agents", wanted)
    return answer(envelope(wanted, [await _shown(asks, agent) for agent in part], total))


@ROUTES.post(
    _AGENTS,
    status_code=201,
    operation_id="agents_create",
    response_model=ShownAgent,
    responses=refusals(400),
)
async def create_agent(body: AgentBody, asks: Asks, stands_on: Stands) -> Response:
    """A name belongs to one agent of an account. Without one a name is made up."""
    name = body.name or f"Agent {stands_on.ids.new_secret(_UNNAMED_CHARS)}"
    agent = Agent(display_name=name)
    _write(agent, {} if body.call_template is None else body.call_template.written())
    made = await asks.ask(CreateAgentRequest(agent=agent), CreateAgentResponse)
    return answer(await _shown(asks, made.agent), 201)


@ROUTES.get(
    _AGENT,
    operation_id="agents_retrieve",
    response_model=ShownAgent,
    responses=refusals(404),
)
async def get_agent(agent_id: str, asks: Asks) -> Response:
    return answer(await _shown(asks, await find_agent(asks, agent_id)))


@ROUTES.patch(
    _AGENT,
    operation_id="agents_partial_update",
    response_model=ShownAgent,
    responses=refusals(400, 404, 409),
)
async def patch_agent(agent_id: str, body: AgentBody, asks: Asks) -> Response:
    """Of the template what is said changes, and null takes it away; for calls made later."""
    present = await find_agent(asks, agent_id)
    # Whoever changes it in between is not overwritten: what was kept is written as a whole.
    after, mask = Agent(agent_id=present.agent_id, etag=present.etag), list[str]()
    if body.name is not None:
        after.display_name = body.name
        mask.append("display_name")
    if "call_template" in body.model_fields_set:
        after.annotations.CopyFrom(present.annotations)
        _write(after, merged(present, body.call_template))
        mask += ["prompt", "context_schema", "annotations"]
    if mask:
        request = UpdateAgentRequest(agent=after, update_mask=FieldMask(paths=mask))
        present = (await asks.ask(request, UpdateAgentResponse)).agent
    return answer(await _shown(asks, present))


@ROUTES.delete(
    _AGENT,
    status_code=NO_CONTENT,
    operation_id="agents_destroy",
    responses=refusals(400, 404),
)
async def delete_agent(agent_id: str, asks: Asks) -> Response:
    """Not while a batch of it goes on."""
    await asks.ask(DeleteAgentRequest(agent_id=agent_id), DeleteAgentResponse)
    return Response(status_code=NO_CONTENT)


def _write(agent: Agent, template: Mapping[str, Any]) -> None:
    """What the core has a word for, where it belongs; and all else beside it."""
    kept = dict(template)
    agent.prompt = kept.pop("systemPrompt", "")
    schema = kept.pop("contextSchema", None)
    if schema:
        agent.context_schema.update(schema)
    others = object_of(agent.annotations)
    agent.annotations.Clear()
    agent.annotations.update(others | {KEPT: kept})


def _is_found(agent: Agent, search: str) -> bool:
    return search.casefold() in agent.display_name.casefold()


def _sorted(agents: list[Agent], sort: str) -> list[Agent]:
    if not sort:
        return agents
    key = _SORTS.get(sort.removeprefix("-"))
    if key is None:
        raise invalid_field("sort", f"Must be one of {', '.join(_SORTS)}.")
    return sorted(agents, key=key, reverse=sort.startswith("-"))


async def _shown(asks: Caller, agent: Agent) -> dict[str, Any]:
    count = ListCallsRequest(agent_ids=[agent.agent_id], page_size=1, show_total_size=True)
    calls = await asks.ask(count, ListCallsResponse)
    return {
        "agentId": agent.agent_id,
        "publishedRevisionId": None,
        "name": agent.display_name,
        "created": moment_or_none(agent, "create_time"),
        "callTemplate": shown_template(agent),
        "statistics": {"calls": calls.total_size},
    }
