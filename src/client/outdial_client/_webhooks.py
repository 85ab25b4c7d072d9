"""Webhooks."""

from collections.abc import Iterable

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import webhook_service_pb2 as messages
from outdial.v1.event_pb2 import EventType
from outdial.v1.webhook_pb2 import Webhook
from outdial.v1.webhook_service_pb2_grpc import WebhookServiceStub

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class Webhooks:
    """Endpoints that events are posted to, signed as Standard Webhooks has it."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = WebhookServiceStub(channel)
        self._send = sender.send

    async def create(
        self,
        url: str,
        *,
        event_types: Iterable[EventType.ValueType] = (),
        description: str = "",
        request_id: str = "",
    ) -> messages.CreateWebhookResponse:
        """Makes a webhook. The answer alone holds its `secret`.

        Without `event_types` it is told of everything. ResourceExhaustedError
        (TOO_MANY_WEBHOOKS) when the account has 20.
        """
        webhook = Webhook(url=url, description=description, event_types=event_types)
        request = messages.CreateWebhookRequest(webhook=webhook, request_id=request_id)
        return await self._send(self._stub.CreateWebhook, request)

    async def get(self, webhook_id: str) -> Webhook:
        """One webhook."""
        request = messages.GetWebhookRequest(webhook_id=webhook_id)
        return (await self._send(self._stub.GetWebhook, request)).webhook

    def list(self, *, page_size: int = 0) -> Pager[Webhook]:
        """Webhooks, oldest first."""

        async def fetch(page_token: str) -> Page[Webhook]:
            request = messages.ListWebhooksRequest(page_size=page_size, page_token=page_token)
            response = await self._send(self._stub.ListWebhooks, request)
            return Page(response.webhooks, response.next_page_token)

        return Pager(fetch)

    async def update(self, webhook: Webhook, fields: Iterable[str]) -> Webhook:
        """Writes those `fields` of `webhook`; AbortedError when its etag is out of date."""
        request = messages.UpdateWebhookRequest(
            webhook=webhook, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateWebhook, request)).webhook

    async def delete(self, webhook_id: str) -> None:
        """Deletes a webhook, with what was still to be sent to it."""
        request = messages.DeleteWebhookRequest(webhook_id=webhook_id)
        await self._send(self._stub.DeleteWebhook, request)

    async def rotate_secret(self, webhook_id: str) -> messages.RotateWebhookSecretResponse:
        """Makes a new secret, which the answer alone holds. The one before it signs, too, for
        24 hours."""
        request = messages.RotateWebhookSecretRequest(webhook_id=webhook_id)
        return await self._send(self._stub.RotateWebhookSecret, request)
