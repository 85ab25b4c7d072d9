"""SendTestWebhook."""

from dataclasses import dataclass
from datetime import timedelta

from outdial_server.domain.ids import AccountId, WebhookId
from outdial_server.domain.webhook_message import Probe
from outdial_server.domain.webhook_tries import TryResult
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.webhooks import WebhookSender, WebhookStore


@dataclass(frozen=True, slots=True)
class ProbeEnd:
    message_id: str
    took: timedelta
    result: TryResult


@dataclass(frozen=True, slots=True)
class SendTestWebhook:
    webhooks: WebhookStore
    sender: WebhookSender
    ids: IdSource
    clock: Clock

    async def execute(self, account_id: AccountId, webhook_id: WebhookId) -> ProbeEnd:
        """One request, also to an endpoint that is not active; whatever comes of it changes
        nothing of the webhook. Raises NotFoundError (WEBHOOK_NOT_FOUND)."""
        webhook = await self.webhooks.get_webhook(account_id, webhook_id)
        at = self.clock.now()
        probe = Probe(account_id, webhook.webhook_id, f"test_{self.ids.new_id()}", at)
        result = await self.sender.send(webhook, probe)
        return ProbeEnd(probe.message_id, self.clock.now() - at, result)
