"""Webhooks of the account."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.event_pb2 import (
    EVENT_TYPE_CALL_ENDED,
    EVENT_TYPE_CALL_IN_PROGRESS,
    EVENT_TYPE_CALL_PRESUMED_ENDED,
    EVENT_TYPE_CALL_SENDING,
)
from outdial.v1.webhook_pb2 import WEBHOOK_FORMAT_ULTRAVOX, WEBHOOK_HEALTH_FAILING, Webhook
from outdial.v1.webhook_service_pb2 import (
    CreateWebhookRequest,
    CreateWebhookResponse,
    DeleteWebhookRequest,
    DeleteWebhookResponse,
    GetWebhookRequest,
    GetWebhookResponse,
    ListWebhooksRequest,
    ListWebhooksResponse,
    RotateWebhookSecretRequest,
    RotateWebhookSecretResponse,
    UpdateWebhookRequest,
    UpdateWebhookResponse,
)
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.answer import NO_CONTENT, answer, moment_or_none
from outdial_server.gateway.ultravox.batch_body import Url
from outdial_server.gateway.ultravox.documents import refusals
from outdial_server.gateway.ultravox.models import Id, Plain
from outdial_server.gateway.ultravox.paging import ListOf, envelope, everything
from outdial_server.gateway.ultravox.parts import Asks, Wanted

ROUTES: Final = APIRouter(tags=["Webhooks"], route_class=DialectRoute)

_WEBHOOKS: Final = "/api/webhooks"
_WEBHOOK: Final = "/api/webhooks/{webhook_id}"

Event = Literal["call.started", "call.joined", "call.ended", "call.billed"]

_TYPES: Final = {
    "call.started": (EVENT_TYPE_CALL_SENDING,),
    "call.joined": (EVENT_TYPE_CALL_IN_PROGRESS,),
    "call.ended": (EVENT_TYPE_CALL_ENDED, EVENT_TYPE_CALL_PRESUMED_ENDED),
    # Nothing is billed here.
    "call.billed": (),
}

Events = Annotated[list[Event], Field(min_length=1)]
Secrets = Annotated[list[Annotated[str, Field(min_length=1, max_length=120)]], Field(max_length=1)]
"""One: a second one would sign for a day, and no longer."""


class NewWebhook(Plain):
    url: Url
    events: Events
    secrets: Secrets | None = None
    agent_id: Id | None = None


class WebhookPatch(Plain):
    url: Url | None = None
    events: Events | None = None
    secrets: Secrets | None = None
    agent_id: Id | None = None


class Failure(Plain):
    timestamp: str
    failure: str


class ShownWebhook(Plain):
    webhook_id: str
    agent_id: str | None
    created: str
    url: str
    secrets: list[str]
    events: list[Event]
    status: Literal["normal", "unhealthy"]
    last_status_change: str | None
    recent_failures: list[Failure]


class WebhookList(ListOf):
    results: list[ShownWebhook]


@ROUTES.get(
    _WEBHOOKS,
    operation_id="webhooks_list",
    response_model=WebhookList,
    responses=refusals(400, 404),
)
async def list_webhooks(
    asks: Asks, wanted: Wanted, agent_id: Annotated[Id | None, Query(alias="agentId")] = None
) -> Response:
    """Oldest first. Those that are told in other words than Ultravox's are not among them."""
    request = ListWebhooksRequest(agent_id=agent_id or "", show_secrets=True)
    found = await everything(asks, request, ListWebhooksResponse, "webhooks")
    ours = [webhook for webhook in found if webhook.format == WEBHOOK_FORMAT_ULTRAVOX]
    part = ours[wanted.start : wanted.start + wanted.size]
    return answer(envelope(wanted, list(map(_shown, part)), len(ours)))


@ROUTES.post(
    _WEBHOOKS,
    status_code=201,
    operation_id="webhooks_create",
    response_model=ShownWebhook,
    responses=refusals(400),
)
async def create_webhook(body: NewWebhook, asks: Asks) -> Response:
    """A secret is made where none is given."""
    webhook = Webhook(
        url=body.url,
        event_types=_types(body.events),
        agent_id=body.agent_id or "",
        format=WEBHOOK_FORMAT_ULTRAVOX,
    )
    request = CreateWebhookRequest(webhook=webhook, secret=(body.secrets or [""])[0])
    made = await asks.ask(request, CreateWebhookResponse)
    made.webhook.secret = made.secret
    return answer(_shown(made.webhook), 201)


@ROUTES.get(
    _WEBHOOK,
    operation_id="webhooks_retrieve",
    response_model=ShownWebhook,
    responses=refusals(404),
)
async def get_webhook(webhook_id: str, asks: Asks) -> Response:
    return answer(_shown(await _find(asks, webhook_id)))


@ROUTES.put(
    _WEBHOOK,
    operation_id="webhooks_update",
    response_model=ShownWebhook,
    responses=refusals(400, 404),
)
async def put_webhook(webhook_id: str, body: NewWebhook, asks: Asks) -> Response:
    return await _change(asks, webhook_id, body)


@ROUTES.patch(
    _WEBHOOK,
    operation_id="webhooks_partial_update",
    response_model=ShownWebhook,
    responses=refusals(400, 404),
)
async def patch_webhook(webhook_id: str, body: WebhookPatch, asks: Asks) -> Response:
    return await _change(asks, webhook_id, body)


@ROUTES.delete(
    _WEBHOOK,
    status_code=NO_CONTENT,
    operation_id="webhooks_destroy",
    responses=refusals(404),
)
async def delete_webhook(webhook_id: str, asks: Asks) -> Response:
    found = await _find(asks, webhook_id)
    await asks.ask(DeleteWebhookRequest(webhook_id=found.webhook_id), DeleteWebhookResponse)
    return Response(status_code=NO_CONTENT)


async def _find(asks: Caller, webhook_id: str) -> Webhook:
    request = GetWebhookRequest(webhook_id=webhook_id, show_secret=True)
    found = (await asks.ask(request, GetWebhookResponse)).webhook
    if found.format != WEBHOOK_FORMAT_ULTRAVOX:
        raise HTTPException(404)
    return found


async def _change(asks: Caller, webhook_id: str, body: NewWebhook | WebhookPatch) -> Response:
    """A new secret signs beside the one before, for a day."""
    webhook = await _find(asks, webhook_id)
    if body.agent_id is not None and body.agent_id != webhook.agent_id:
        raise invalid_field("agentId", "The agent of a webhook is not changed here.")
    mask = list[str]()
    if body.url is not None:
        webhook.url = body.url
        mask.append("url")
    if body.events is not None:
        del webhook.event_types[:]
        webhook.event_types.extend(_types(body.events))
        mask.append("event_types")
    if mask:
        request = UpdateWebhookRequest(webhook=webhook, update_mask=FieldMask(paths=mask))
        await asks.ask(request, UpdateWebhookResponse)
    if body.secrets:
        rotation = RotateWebhookSecretRequest(webhook_id=webhook.webhook_id, secret=body.secrets[0])
        await asks.ask(rotation, RotateWebhookSecretResponse)
    return answer(_shown(await _find(asks, webhook_id)))


def _types(events: list[Event]) -> list[Any]:
    types = sorted({kind for event in events for kind in _TYPES[event]})
    if not types:
        raise invalid_field("events", "Nothing is billed here: name another event, too.")
    return types


def _shown(webhook: Webhook) -> dict[str, Any]:
    is_failing = webhook.health == WEBHOOK_HEALTH_FAILING
    since = moment_or_none(webhook, "failing_since_time")
    types = set(webhook.event_types)
    return {
        "webhookId": webhook.webhook_id,
        "agentId": webhook.agent_id or None,
        "created": moment_or_none(webhook, "create_time"),
        "url": webhook.url,
        "secrets": [webhook.secret] if webhook.secret else [],
        # None named stands for all.
        "events": [
            event for event, kinds in _TYPES.items() if kinds and (not types or types & set(kinds))
        ],
        "status": "unhealthy" if is_failing else "normal",
        "lastStatusChange": since if is_failing else None,
        "recentFailures": [{"timestamp": since, "failure": webhook.last_error}] if since else [],
    }
