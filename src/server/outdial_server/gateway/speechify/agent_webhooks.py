"""The webhook of an agent: `webhook_url` and `webhook_secret` of theirs, a Webhook of ours that is
told of the ends of its calls."""

from typing import Final

from outdial.v1.event_pb2 import EventType
from outdial.v1.webhook_pb2 import Webhook, WebhookFormat
from outdial.v1.webhook_service_pb2 import (
    CreateWebhookRequest,
    CreateWebhookResponse,
    DeleteWebhookRequest,
    DeleteWebhookResponse,
    ListWebhooksRequest,
    ListWebhooksResponse,
    RotateWebhookSecretRequest,
    RotateWebhookSecretResponse,
    UpdateWebhookRequest,
    UpdateWebhookResponse,
)

from outdial_server.domain.limits import WEBHOOKS_MAX
from outdial_server.gateway.asking import Caller

CONVERSATION_ENDS: Final = (
    EventType.EVENT_TYPE_CALL_ENDED,
    EventType.EVENT_TYPE_CALL_PRESUMED_ENDED,
    EventType.EVENT_TYPE_CONVERSATION_REPORTED,
)


async def webhooks_of_agents(asks: Caller, agent_id: str = "") -> dict[str, Webhook]:
    """By the ids of their agents; of all agents without one."""
    found = await asks.ask(
        ListWebhooksRequest(page_size=WEBHOOKS_MAX, agent_id=agent_id), ListWebhooksResponse
    )
    return {
        webhook.agent_id: webhook
        # The oldest of an agent is the one that is shown.
        for webhook in reversed(found.webhooks)
        if webhook.agent_id and webhook.format == WebhookFormat.WEBHOOK_FORMAT_SPEECHIFY
    }


async def set_webhook(
    asks: Caller, agent_id: str, url: str | None, secret: str | None, key: str = ""
) -> None:
    """None leaves as it is, and an empty URL takes the webhook away. Raises RpcRefusedError."""
    webhook = (await webhooks_of_agents(asks, agent_id)).get(agent_id)
    if webhook is None:
        if url:
            await _create(asks, agent_id, url, secret or "", key)
    elif url == "":
        await delete_webhook(asks, webhook)
    else:
        await _change(asks, webhook, url, secret)


async def delete_webhook(asks: Caller, webhook: Webhook) -> None:
    await asks.ask(DeleteWebhookRequest(webhook_id=webhook.webhook_id), DeleteWebhookResponse)


async def _create(asks: Caller, agent_id: str, url: str, secret: str, key: str) -> None:
    webhook = Webhook(
        url=url,
        agent_id=agent_id,
        format=WebhookFormat.WEBHOOK_FORMAT_SPEECHIFY,
        event_types=CONVERSATION_ENDS,
    )
    request = CreateWebhookRequest(webhook=webhook, secret=secret, request_id=key)
    await asks.ask(request, CreateWebhookResponse)


async def _change(asks: Caller, webhook: Webhook, url: str | None, secret: str | None) -> None:
    if url is not None:
        request = UpdateWebhookRequest(webhook=Webhook(webhook_id=webhook.webhook_id, url=url))
        request.update_mask.paths.append("url")
        await asks.ask(request, UpdateWebhookResponse)
    if secret:
        await asks.ask(
            RotateWebhookSecretRequest(webhook_id=webhook.webhook_id, secret=secret),
            RotateWebhookSecretResponse,
        )
