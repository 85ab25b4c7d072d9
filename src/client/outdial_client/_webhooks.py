"""Webhooks."""

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import webhook_service_pb2 as messages
from outdial.v1.batch_pb2 import BatchState
from outdial.v1.event_pb2 import EventType
from outdial.v1.webhook_delivery_pb2 import WebhookDelivery, WebhookDeliveryState
from outdial.v1.webhook_pb2 import WEBHOOK_FORMAT_UNSPECIFIED, Webhook, WebhookFormat
from outdial.v1.webhook_service_pb2_grpc import WebhookServiceStub

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender
from outdial_client._times import to_timestamp


class Webhooks:
    """Endpoints that events are posted to, signed as Standard Webhooks has it."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = WebhookServiceStub(channel)
        self._send = sender.send

    async def create(  # noqa: PLR0913 all but the URL by their names
        self,
        url: str,
        *,
        event_types: Iterable[EventType.ValueType] = (),
        batch_end_states: Iterable[BatchState.ValueType] = (),
        agent_id: str = "",
        batch_id: str = "",
        webhook_format: WebhookFormat.ValueType = WEBHOOK_FORMAT_UNSPECIFIED,
        description: str = "",
        secret: str = "",
        request_id: str = "",
    ) -> messages.CreateWebhookResponse:
        """Makes a webhook. The answer alone holds its `secret`.

        Without `event_types`, `agent_id` and `batch_id` it is told of everything, and without a
        `webhook_format` in our words; with `batch_end_states` of those ends of batches alone. A
        `secret` of your own is `whsec_` and base64; in the formats of others any text up to 120
        characters. ResourceExhaustedError (TOO_MANY_WEBHOOKS) when the account has 50.
        """
        webhook = Webhook(
            url=url,
            description=description,
            event_types=event_types,
            batch_end_states=batch_end_states,
            agent_id=agent_id,
            batch_id=batch_id,
            format=webhook_format,
        )
        request = messages.CreateWebhookRequest(
            webhook=webhook, request_id=request_id, secret=secret
        )
        return await self._send(self._stub.CreateWebhook, request)

    async def get(self, webhook_id: str, *, show_secret: bool = False) -> Webhook:
        """One webhook; its secret only where it is asked for, and for a key with the scope
        WRITE."""
        request = messages.GetWebhookRequest(webhook_id=webhook_id, show_secret=show_secret)
        return (await self._send(self._stub.GetWebhook, request)).webhook

    def list(
        self,
        *,
        agent_id: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Webhook]:
        """Webhooks, oldest first; with `agent_id` those that are of this agent alone."""

        async def fetch(page_token: str) -> Page[Webhook]:
            request = messages.ListWebhooksRequest(
                agent_id=agent_id,
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
            )
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

    async def rotate_secret(
        self, webhook_id: str, *, secret: str = ""
    ) -> messages.RotateWebhookSecretResponse:
        """Makes a new secret, which the answer alone holds, or takes yours. The one before it
        signs, too, for 24 hours, in formats that have room for two signatures."""
        request = messages.RotateWebhookSecretRequest(webhook_id=webhook_id, secret=secret)
        return await self._send(self._stub.RotateWebhookSecret, request)

    def list_deliveries(
        self,
        webhook_id: str,
        *,
        states: Iterable[WebhookDeliveryState.ValueType] = (),
        batch_id: str = "",
        page_size: int = 0,
    ) -> Pager[WebhookDelivery]:
        """What became of the events that it was to be told of, newest first; of all states and
        batches unless some are named."""
        wanted = tuple(states)

        async def fetch(page_token: str) -> Page[WebhookDelivery]:
            request = messages.ListWebhookDeliveriesRequest(
                webhook_id=webhook_id,
                states=wanted,
                batch_id=batch_id,
                page_size=page_size,
                page_token=page_token,
            )
            response = await self._send(self._stub.ListWebhookDeliveries, request)
            return Page(response.deliveries, response.next_page_token)

        return Pager(fetch)

    async def redeliver(
        self, webhook_id: str, message_ids: Iterable[str]
    ) -> messages.RedeliverWebhookEventsResponse:
        """Sends events again, in their order in each batch, by the `webhook-id` of their
        requests; at most 1,000. FailedPreconditionError (WEBHOOK_INACTIVE) while the webhook is
        not active."""
        request = messages.RedeliverWebhookEventsRequest(
            webhook_id=webhook_id, message_ids=message_ids
        )
        return await self._send(self._stub.RedeliverWebhookEvents, request)

    async def redeliver_since(
        self,
        webhook_id: str,
        since: datetime,
        *,
        until: datetime | None = None,
        batch_id: str = "",
    ) -> messages.RedeliverWebhookEventsResponse:
        """As `redeliver`, of all that happened from `since` on and before `until`, or now,
        whether it was ever sent or not. ResourceExhaustedError (REDELIVERY_TOO_LARGE) when more
        than 1,000 batches and direct calls have events in that time."""
        request = messages.RedeliverWebhookEventsRequest(
            webhook_id=webhook_id,
            since_time=to_timestamp(since),
            until_time=to_timestamp(until),
            batch_id=batch_id,
        )
        return await self._send(self._stub.RedeliverWebhookEvents, request, long=True)

    async def send_test(self, webhook_id: str) -> messages.SendTestWebhookResponse:
        """Sends one signed request of type TEST, and answers with what came of it."""
        request = messages.SendTestWebhookRequest(webhook_id=webhook_id)
        return await self._send(self._stub.SendTestWebhook, request)
