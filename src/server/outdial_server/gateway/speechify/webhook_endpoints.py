"""Webhook endpoints of a workspace: Webhooks in their format that are of no agent or batch."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from outdial.v1.webhook_delivery_pb2 import WebhookDelivery, WebhookDeliveryState
from outdial.v1.webhook_pb2 import Webhook, WebhookFormat
from outdial.v1.webhook_service_pb2 import (
    CreateWebhookRequest,
    CreateWebhookResponse,
    GetWebhookRequest,
    GetWebhookResponse,
    ListWebhookDeliveriesRequest,
    ListWebhookDeliveriesResponse,
    ListWebhooksRequest,
    ListWebhooksResponse,
    RotateWebhookSecretRequest,
    RotateWebhookSecretResponse,
    UpdateWebhookRequest,
    UpdateWebhookResponse,
)
from pydantic import BaseModel, Field, StrictBool, StrictStr
from starlette.responses import Response

from outdial_server.domain.limits import WEBHOOK_DESCRIPTION_MAX_CHARS, WEBHOOK_URL_MAX_CHARS
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.speechify.agent_webhooks import delete_webhook
from outdial_server.gateway.speechify.answers import answer
from outdial_server.gateway.speechify.asked import Asks, Key
from outdial_server.gateway.speechify.ids import NOBODY, known_id, shown_id
from outdial_server.gateway.speechify.moments import moment
from outdial_server.gateway.speechify.paging import DEFAULT_LIMIT, Cursor, Limit, page_of
from outdial_server.gateway.speechify.webhook_events import ask_for, asked_for, event_name

_STATUSES: Final[Mapping[int, str]] = {
    WebhookDeliveryState.WEBHOOK_DELIVERY_STATE_DELIVERED: "delivered",
    WebhookDeliveryState.WEBHOOK_DELIVERY_STATE_RETRYING: "retrying",
    WebhookDeliveryState.WEBHOOK_DELIVERY_STATE_GIVEN_UP: "failed",
}

EventName = Literal["*", "conversation.completed", "batch_call.completed", "batch_call.failed"]
Events = Annotated[
    list[EventName],
    Field(
        min_length=1,
        description="`batch_call.completed` and `batch_call.failed` come together.",
    ),
]
Url = Annotated[
    StrictStr, Field(max_length=WEBHOOK_URL_MAX_CHARS, examples=["https://a.example/hook"])
]
Description = Annotated[StrictStr, Field(max_length=WEBHOOK_DESCRIPTION_MAX_CHARS)]


class ChangedEndpoint(BaseModel):
    url: Url = ""
    enabled_events: Events = ["*"]
    description: Description | None = None
    disabled: StrictBool = False


class NewEndpoint(ChangedEndpoint):
    url: Url
    enabled_events: Events


class Endpoint(BaseModel):
    id: str
    url: str
    enabled_events: list[str]
    description: str | None
    disabled: bool
    created_at: str
    updated_at: str
    secret: Annotated[str, Field(description="At creation and rotation alone.")] = ""


class EndpointList(BaseModel):
    next_cursor: str | None
    has_more: bool
    endpoints: list[Endpoint]


class Delivery(BaseModel):
    id: str
    event: str | None
    status: str
    request_body: Annotated[None, Field(description="Not kept.")] = None
    request_headers: Annotated[None, Field(description="Not kept.")] = None
    last_status_code: int | None
    last_response_body: str | None
    last_response_headers: Annotated[None, Field(description="Not kept.")] = None
    created_at: str
    updated_at: str


class DeliveryList(BaseModel):
    next_cursor: str | None
    has_more: bool
    deliveries: list[Delivery]


router = APIRouter(prefix="/v1/webhooks/endpoints", tags=["Webhook endpoints"])


@router.post("", status_code=201, response_model=Endpoint)
async def create(body: NewEndpoint, asks: Asks, key: Key = "") -> Response:
    """The answer alone holds the secret. At most 50 an account, those of agents included."""
    webhook, _ = _written(body)
    webhook.format = WebhookFormat.WEBHOOK_FORMAT_SPEECHIFY
    made = await asks.ask(
        CreateWebhookRequest(webhook=webhook, request_id=key), CreateWebhookResponse
    )
    return answer({**_shown(made.webhook), "secret": made.secret}, 201)


@router.get("", response_model=EndpointList)
async def list_all(asks: Asks, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> Response:
    """Oldest first. A page may have fewer than asked for before the last."""
    page = await asks.ask(
        ListWebhooksRequest(page_size=limit, page_token=cursor), ListWebhooksResponse
    )
    shown = [_shown(webhook) for webhook in page.webhooks if _is_endpoint(webhook)]
    return answer(page_of("endpoints", shown, page.next_page_token))


@router.get("/{endpoint_id}", response_model=Endpoint)
async def get(endpoint_id: str, asks: Asks) -> Response:
    return answer(_shown(await _endpoint_of(asks, endpoint_id)))


@router.patch("/{endpoint_id}", response_model=Endpoint)
async def change(endpoint_id: str, body: ChangedEndpoint, asks: Asks) -> Response:
    before = await _endpoint_of(asks, endpoint_id)
    webhook, paths = _written(body)
    webhook.webhook_id = before.webhook_id
    request = UpdateWebhookRequest(webhook=webhook)
    request.update_mask.paths.extend(paths)
    changed = await asks.ask(request, UpdateWebhookResponse)
    return answer(_shown(changed.webhook))


@router.delete("/{endpoint_id}", status_code=204, response_class=Response)
async def delete(endpoint_id: str, asks: Asks) -> Response:
    webhook = await _endpoint_of(asks, endpoint_id)
    await delete_webhook(asks, webhook)
    return Response(status_code=204)


@router.post("/{endpoint_id}/rotate-secret", response_model=Endpoint)
async def rotate_secret(endpoint_id: str, asks: Asks) -> Response:
    """The new secret signs from now on, and the answer alone holds it."""
    webhook = await _endpoint_of(asks, endpoint_id)
    rotated = await asks.ask(
        RotateWebhookSecretRequest(webhook_id=webhook.webhook_id), RotateWebhookSecretResponse
    )
    return answer({**_shown(rotated.webhook), "secret": rotated.secret})


@router.get("/{endpoint_id}/deliveries", response_model=DeliveryList)
async def list_deliveries(
    endpoint_id: str, asks: Asks, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Response:
    """Newest first; one for each event, with its last try."""
    webhook = await _endpoint_of(asks, endpoint_id)
    page = await asks.ask(
        ListWebhookDeliveriesRequest(
            webhook_id=webhook.webhook_id, page_size=limit, page_token=cursor
        ),
        ListWebhookDeliveriesResponse,
    )
    shown = [_shown_delivery(delivery) for delivery in page.deliveries]
    return answer(page_of("deliveries", shown, page.next_page_token))


def _is_endpoint(webhook: Webhook) -> bool:
    is_theirs = webhook.format == WebhookFormat.WEBHOOK_FORMAT_SPEECHIFY
    return is_theirs and not webhook.agent_id and not webhook.batch_id


async def _endpoint_of(asks: Caller, endpoint_id: str) -> Webhook:
    """Raises RpcRefusedError, for a webhook that is no endpoint, too."""
    request = GetWebhookRequest(webhook_id=known_id("whe", endpoint_id))
    webhook = (await asks.ask(request, GetWebhookResponse)).webhook
    if not _is_endpoint(webhook):
        await asks.ask(GetWebhookRequest(webhook_id=NOBODY), GetWebhookResponse)
    return webhook


def _written(body: ChangedEndpoint) -> tuple[Webhook, list[str]]:
    """And which fields of it the body names."""
    webhook = Webhook(url=body.url, description=body.description or "", active=not body.disabled)
    ask_for(webhook, body.enabled_events)
    names = {
        "enabled_events": ("event_types", "batch_end_states"),
        "disabled": ("active",),
    }
    said = sorted(body.model_fields_set)
    return webhook, [path for name in said for path in names.get(name, (name,))]


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": shown_id("whe", webhook.webhook_id),
        "url": webhook.url,
        "enabled_events": asked_for(webhook),
        "description": webhook.description or None,
        "disabled": not webhook.active,
        "created_at": moment(webhook, "create_time"),
        "updated_at": moment(webhook, "update_time"),
    }


def _shown_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.message_id,
        "event": event_name(delivery.event_type),
        "status": _STATUSES[delivery.state],
        "request_body": None,
        "request_headers": None,
        "last_status_code": delivery.status_code or None,
        "last_response_body": delivery.answer or None,
        "last_response_headers": None,
        "created_at": moment(delivery, "first_try_time"),
        "updated_at": moment(delivery, "last_try_time"),
    }
