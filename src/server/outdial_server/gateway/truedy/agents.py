"""Agents: as much of them as batch calls need."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import FastAPI, Query
from outdial.v1 import agent_pb2, agent_service_pb2
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.truedy.batch_reading import moment_of
from outdial_server.gateway.truedy.envelopes import Listed, One, listed, one
from outdial_server.gateway.truedy.idempotency import IdempotencyKey
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.number_shapes import AgentNumbers
from outdial_server.gateway.truedy.numbers import numbers_of
from outdial_server.gateway.truedy.outbound_numbers import agent_of
from outdial_server.gateway.truedy.paging import Limit, Offset
from outdial_server.gateway.truedy.routing import Asks, Routes

PATH: Final = "/agents"

AgentStatus = Literal["active", "draft"]
AgentStatusFilter = Literal["active", "draft", "creating", "failed"]

_KEPT: Final = ("description", "voice_id", "model")
"""What the scheduler has no use for."""

_PAGE_SIZE: Final = 1000


class NewAgent(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    description: Annotated[str, Field(max_length=2000)] | None = None
    voice_id: Annotated[str, Field(max_length=200)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None
    system_prompt: Annotated[str, Field(max_length=32_768)] | None = None
    greeting: Annotated[str, Field(max_length=4096)] | None = None
    status: AgentStatus = "active"
    join_url_template: Annotated[str, Field(max_length=2048)] | None = Field(
        None, description="An extension of Outdial: where answered calls are connected to."
    )


class Agent(AgentNumbers):
    id: str
    name: str
    description: str | None
    status: AgentStatus
    voice_id: str | None
    model: str | None
    system_prompt: str
    greeting: str
    created_at: datetime
    updated_at: datetime


async def list_agents(
    asks: Asks,
    status: AgentStatusFilter | None = None,
    name: Annotated[str, Query(description="Part of the name, in either case")] = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Response:
    """Oldest first. All agents are looked through for those that fit."""
    found = [
        agent
        for agent in await _all(asks)
        if name.casefold() in agent.display_name.casefold() and status in (None, _status(agent))
    ]
    page = [shown(agent) for agent in found[offset : offset + limit]]
    return listed(page, len(found), limit, offset)


async def create_agent(asked: NewAgent, asks: Asks, key: IdempotencyKey = "") -> Response:
    """An extension of Outdial."""
    agent = agent_pb2.Agent(
        display_name=asked.name,
        active=asked.status == "active",
        prompt=asked.system_prompt or "",
        first_message=asked.greeting or "",
        join_url_template=asked.join_url_template or "",
    )
    for name in _KEPT:
        if getattr(asked, name) is not None:
            agent.annotations[f"truedy.{name}"] = getattr(asked, name)
    create = agent_service_pb2.CreateAgentRequest(agent=agent)
    made = await asks.ask(create, agent_service_pb2.CreateAgentResponse)
    return one(shown(made.agent), 201)


async def get_agent(agent_id: str, asks: Asks) -> Response:
    return one(shown(await agent_of(asks, core_id(agent_id))))


async def _all(asks: Caller) -> list[agent_pb2.Agent]:
    request = agent_service_pb2.ListAgentsRequest(page_size=_PAGE_SIZE)
    agents = list[agent_pb2.Agent]()
    while True:
        told = await asks.ask(request, agent_service_pb2.ListAgentsResponse)
        agents += told.agents
        if not told.next_page_token:
            return agents
        request.page_token = told.next_page_token


def _status(agent: agent_pb2.Agent) -> AgentStatus:
    return "active" if agent.active else "draft"


def shown(agent: agent_pb2.Agent) -> Agent:
    return Agent(
        id=agent.agent_id,
        name=agent.display_name,
        status=_status(agent),
        description=_kept(agent, "description"),
        voice_id=_kept(agent, "voice_id"),
        model=_kept(agent, "model"),
        system_prompt=agent.prompt,
        greeting=agent.first_message,
        inbound_phone_numbers=[],
        outbound_phone_numbers=numbers_of(agent).outbound_phone_numbers,
        created_at=moment_of(agent.create_time),
        updated_at=moment_of(agent.update_time),
    )


def _kept(agent: agent_pb2.Agent, name: str) -> str | None:
    fields, key = agent.annotations.fields, f"truedy.{name}"
    return fields[key].string_value or None if key in fields else None


def add_agents(api: FastAPI) -> None:
    routes = Routes(api, "Agents")
    routes.get(PATH, list_agents, Listed[Agent])
    routes.post(PATH, create_agent, One[Agent])
    routes.get(f"{PATH}/{{agent_id}}", get_agent, One[Agent])
