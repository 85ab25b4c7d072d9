"""Agents, as far as batches need them."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
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
from pydantic import BaseModel, Field, StrictStr
from starlette.responses import Response

from outdial_server.domain.limits import (
    AGENT_NAME_MAX_CHARS,
    WEBHOOK_SECRET_MAX_CHARS,
    WEBHOOK_URL_MAX_CHARS,
)
from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.refusal import refusal_of
from outdial_server.gateway.speechify.agent_webhooks import (
    delete_webhook,
    set_webhook,
    webhooks_of_agents,
)
from outdial_server.gateway.speechify.answers import answer
from outdial_server.gateway.speechify.asked import Asks, In, Key
from outdial_server.gateway.speechify.editions import Edition
from outdial_server.gateway.speechify.errors import VOICE
from outdial_server.gateway.speechify.ids import known_id, shown_id
from outdial_server.gateway.speechify.moments import moment
from outdial_server.gateway.speechify.paging import DEFAULT_LIMIT, Cursor, Limit, page_of
from outdial_server.gateway.speechify.recipients import fault
from outdial_server.gateway.speechify.variables import (
    WithVariables,
    fill_variables,
    shown_variables,
)

Name = Annotated[StrictStr, Field(min_length=1, max_length=AGENT_NAME_MAX_CHARS)]


class ChangedAgent(WithVariables):
    """What is left out stays as it is."""

    name: Name = ""
    prompt: Annotated[StrictStr, Field(description="May hold `{{variables}}`.")] | None = None
    first_message: StrictStr | None = None
    join_url_template: Annotated[
        StrictStr | None,
        Field(description="Ours: where an answered call is connected to the agent."),
    ] = None
    webhook_url: Annotated[
        StrictStr | None,
        Field(
            max_length=WEBHOOK_URL_MAX_CHARS,
            description="Told of `conversation.completed`; empty for none.",
        ),
    ] = None
    webhook_secret: Annotated[
        StrictStr | None,
        Field(
            max_length=WEBHOOK_SECRET_MAX_CHARS,
            description="Signs requests from now on; never shown.",
        ),
    ] = None

    @property
    def says_variables(self) -> bool:
        return bool(self.model_fields_set & {"dynamic_variables", "dynamic_vars"})

    @property
    def new_url(self) -> str | None:
        """None where it stays."""
        return (self.webhook_url or "") if "webhook_url" in self.model_fields_set else None


class NewAgent(ChangedAgent):
    name: Name


class ShownAgent(BaseModel):
    id: str
    name: str
    prompt: str
    first_message: str
    join_url_template: str
    dynamic_vars: dict[str, Any] = {}
    dynamic_variables: dict[str, Any] = {}
    webhook_url: str | None
    created_at: str
    updated_at: str


class AgentList(BaseModel):
    next_cursor: str | None
    has_more: bool
    agents: list[ShownAgent]


router = APIRouter(prefix="/v1/agents", tags=["Agents"])


@router.post("", status_code=201, response_model=ShownAgent)
async def create(body: NewAgent, asks: Asks, edition: In, key: Key = "") -> Response:
    """An agent, with its webhook; without either when one of them is refused."""
    _check_secret(body, has_webhook=bool(body.webhook_url))
    agent, _ = _written(body)
    # An agent that may be taken back must not be answered to the same request later.
    request = CreateAgentRequest(agent=agent, request_id="" if body.new_url else key)
    made = await asks.ask(request, CreateAgentResponse)
    agent_id = made.agent.agent_id
    try:
        await set_webhook(asks, agent_id, body.new_url, body.webhook_secret, key)
    except RpcRefusedError as refused:
        await asks.ask(DeleteAgentRequest(agent_id=agent_id), DeleteAgentResponse)
        return _refused_webhook(refused)
    return answer(shown_agent(made.agent, edition, body.webhook_url or None), 201)


@router.get("", response_model=AgentList)
async def list_all(
    asks: Asks, edition: In, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Response:
    """Oldest first."""
    page = await asks.ask(ListAgentsRequest(page_size=limit, page_token=cursor), ListAgentsResponse)
    webhooks = await webhooks_of_agents(asks)
    urls = {agent_id: webhook.url for agent_id, webhook in webhooks.items()}
    shown = [shown_agent(agent, edition, urls.get(agent.agent_id)) for agent in page.agents]
    return answer(page_of("agents", shown, page.next_page_token))


@router.get("/{agent_id}", response_model=ShownAgent)
async def get(agent_id: str, asks: Asks, edition: In) -> Response:
    agent = await _agent_of(asks, agent_id)
    return answer(shown_agent(agent, edition, await _url_of(asks, agent)))


@router.patch("/{agent_id}", response_model=ShownAgent)
async def change(agent_id: str, body: ChangedAgent, asks: Asks, edition: In) -> Response:
    """Changes what the body names, or nothing when any of it is refused."""
    before = await _agent_of(asks, agent_id)
    has_webhook = body.new_url or (body.new_url is None and await _url_of(asks, before))
    _check_secret(body, has_webhook=bool(has_webhook))
    agent, paths = _written(body)
    agent.agent_id = before.agent_id
    after = await _update(asks, agent, paths) if paths else before
    try:
        await set_webhook(asks, before.agent_id, body.new_url, body.webhook_secret)
    except RpcRefusedError as refused:
        if paths:
            await _update(asks, before, paths)
        return _refused_webhook(refused)
    return answer(shown_agent(after, edition, await _url_of(asks, after)))


@router.delete("/{agent_id}", status_code=204, response_class=Response)
async def delete(agent_id: str, asks: Asks) -> Response:
    """Not while a batch of it has not ended (409)."""
    id_ = known_id("agent", agent_id)
    webhook = (await webhooks_of_agents(asks, id_)).get(id_)
    await asks.ask(DeleteAgentRequest(agent_id=id_), DeleteAgentResponse)
    if webhook is not None:
        # Not before: an agent that stays keeps it.
        await delete_webhook(asks, webhook)
    return Response(status_code=204)


def shown_agent(agent: Agent, edition: Edition, webhook_url: str | None) -> dict[str, Any]:
    variables = shown_variables(agent.default_context)
    return {
        "id": shown_id("agent", agent.agent_id),
        "name": agent.display_name,
        "prompt": agent.prompt,
        "first_message": agent.first_message,
        "join_url_template": agent.join_url_template,
        **dict.fromkeys(edition.name("dynamic_vars", "dynamic_variables"), variables),
        "webhook_url": webhook_url,
        "created_at": moment(agent, "create_time"),
        "updated_at": moment(agent, "update_time"),
    }


def _written(body: ChangedAgent) -> tuple[Agent, list[str]]:
    """And which fields of it the body names."""
    said = body.model_fields_set
    agent = Agent(
        display_name=body.name,
        prompt=body.prompt or "",
        first_message=body.first_message or "",
        join_url_template=body.join_url_template or "",
    )
    names = {"name": "display_name"}
    written = ("name", "prompt", "first_message", "join_url_template")
    paths = [names.get(name, name) for name in written if name in said]
    if body.says_variables:
        paths.append("default_context")
        agent.default_context.SetInParent()
        fill_variables(agent.default_context, body.variables)
    return agent, paths


def _check_secret(body: ChangedAgent, *, has_webhook: bool) -> None:
    if body.webhook_secret and not has_webhook:
        raise RequestValidationError([fault(("webhook_secret",), "needs a webhook_url")])


async def _update(asks: Caller, agent: Agent, paths: list[str]) -> Agent:
    request = UpdateAgentRequest(agent=agent)
    # What somebody else changes meanwhile is another matter.
    request.agent.ClearField("etag")
    request.update_mask.paths.extend(paths)
    return (await asks.ask(request, UpdateAgentResponse)).agent


async def _agent_of(asks: Caller, agent_id: str) -> Agent:
    request = GetAgentRequest(agent_id=known_id("agent", agent_id))
    return (await asks.ask(request, GetAgentResponse)).agent


async def _url_of(asks: Caller, agent: Agent) -> str | None:
    webhook = (await webhooks_of_agents(asks, agent.agent_id)).get(agent.agent_id)
    return webhook.url if webhook is not None else None


def _refused_webhook(refused: RpcRefusedError) -> Response:
    return VOICE.refused(refusal_of(refused.status), {"url": "webhook_url"})
