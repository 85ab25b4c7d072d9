"""WebhookService."""

from dataclasses import dataclass

from outdial.v1 import webhook_service_pb2 as pb
from outdial.v1.webhook_pb2 import Webhook as WebhookMessage
from outdial.v1.webhook_service_pb2_grpc import WebhookServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.request import counted_page_of, page_of, take_request_key
from outdial_server.api.conversion.webhook import (
    webhook_change,
    webhook_fields,
    webhook_to_message,
)
from outdial_server.api.conversion.webhook_delivery import (
    delivery_filter,
    delivery_to_message,
    probe_end_to_message,
    redelivery_order,
)
from outdial_server.commands.redeliver_webhook_events import RedeliverWebhookEvents
from outdial_server.commands.send_test_webhook import SendTestWebhook
from outdial_server.commands.shown_secrets import ShownSecrets
from outdial_server.commands.webhooks import CreateWebhook, RotateWebhookSecret, UpdateWebhook
from outdial_server.domain.ids import AgentId, WebhookId
from outdial_server.domain.webhook import Webhook
from outdial_server.ports.webhook_log import DeliveryLog
from outdial_server.ports.webhooks import WebhookStore


@dataclass(frozen=True)
class WebhookServicer(WebhookServiceServicer):
    webhooks: WebhookStore
    create: CreateWebhook
    update: UpdateWebhook
    rotate: RotateWebhookSecret
    deliveries: DeliveryLog
    redeliver: RedeliverWebhookEvents
    send_test: SendTestWebhook
    secrets: ShownSecrets

    @override
    async def CreateWebhook(
        self, request: pb.CreateWebhookRequest, context: object
    ) -> pb.CreateWebhookResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        made = await self.create.execute(
            account_id, webhook_fields(request.webhook), key, request.secret
        )
        return pb.CreateWebhookResponse(
            webhook=webhook_to_message(made.webhook), secret=made.secret
        )

    @override
    async def GetWebhook(
        self, request: pb.GetWebhookRequest, context: object
    ) -> pb.GetWebhookResponse:
        found = await self.webhooks.get_webhook(
            caller().account_id, _webhook_id(request.webhook_id)
        )
        return pb.GetWebhookResponse(webhook=self._message(found, show_secret=request.show_secret))

    @override
    async def ListWebhooks(
        self, request: pb.ListWebhooksRequest, context: object
    ) -> pb.ListWebhooksResponse:
        agent_id = AgentId(canonical(request.agent_id)) if request.agent_id else None
        page = await self.webhooks.list_webhooks(
            caller().account_id, counted_page_of(request), agent_id
        )
        return pb.ListWebhooksResponse(
            webhooks=(
                self._message(webhook, show_secret=request.show_secrets) for webhook in page.items
            ),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    def _message(self, webhook: Webhook, *, show_secret: bool) -> WebhookMessage:
        message = webhook_to_message(webhook)
        if show_secret:
            message.secret = self.secrets.of(caller(), webhook.secrets, webhook.webhook_id)
        return message

    @override
    async def UpdateWebhook(
        self, request: pb.UpdateWebhookRequest, context: object
    ) -> pb.UpdateWebhookResponse:
        changed = await self.update.execute(
            caller().account_id,
            _webhook_id(request.webhook.webhook_id, "webhook.webhook_id"),
            webhook_change(request.webhook, request.update_mask),
            request.webhook.etag,
        )
        return pb.UpdateWebhookResponse(webhook=webhook_to_message(changed))

    @override
    async def DeleteWebhook(
        self, request: pb.DeleteWebhookRequest, context: object
    ) -> pb.DeleteWebhookResponse:
        await self.webhooks.delete_webhook(caller().account_id, _webhook_id(request.webhook_id))
        return pb.DeleteWebhookResponse()

    @override
    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: object
    ) -> pb.RotateWebhookSecretResponse:
        rotated = await self.rotate.execute(
            caller().account_id, _webhook_id(request.webhook_id), request.secret
        )
        return pb.RotateWebhookSecretResponse(
            webhook=webhook_to_message(rotated.webhook), secret=rotated.secret
        )

    @override
    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: object
    ) -> pb.ListWebhookDeliveriesResponse:
        page = await self.deliveries.list_deliveries(
            caller().account_id,
            _webhook_id(request.webhook_id),
            delivery_filter(request),
            page_of(request),
        )
        return pb.ListWebhookDeliveriesResponse(
            deliveries=map(delivery_to_message, page.items), next_page_token=page.next_token
        )

    @override
    async def RedeliverWebhookEvents(
        self, request: pb.RedeliverWebhookEventsRequest, context: object
    ) -> pb.RedeliverWebhookEventsResponse:
        done = await self.redeliver.execute(
            caller().account_id, _webhook_id(request.webhook_id), redelivery_order(request)
        )
        return pb.RedeliverWebhookEventsResponse(batch_count=done.batches, event_count=done.events)

    @override
    async def SendTestWebhook(
        self, request: pb.SendTestWebhookRequest, context: object
    ) -> pb.SendTestWebhookResponse:
        end = await self.send_test.execute(caller().account_id, _webhook_id(request.webhook_id))
        return probe_end_to_message(end)


def _webhook_id(text: str, path: str = "webhook_id") -> WebhookId:
    return WebhookId(required_id(text, path))
