"""Whoever is told by webhook: fails, comes back, and notes what it was told."""

import asyncio
from collections import defaultdict

from outdial_server.domain.ids import BatchId, WebhookId
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.domain.webhook_tries import TAKEN, TryResult, Verdict
from simulation.chance import Dice

FAILED = TryResult(Verdict.FAILED, "HTTP_503")
DEADLINE_SECONDS = 10


class Endpoint:
    """A WebhookSender and its far end."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.fails_percent = 0.0
        self._newest: defaultdict[tuple[WebhookId, BatchId], int] = defaultdict(int)
        self.faults: list[str] = []

    async def send(self, webhook: Webhook, message: WebhookMessage | Probe) -> TryResult:
        assert isinstance(message, WebhookMessage)
        await asyncio.sleep(self._dice.seconds(0.001, 0.3))
        if not self._dice.chance(self.fails_percent):
            self._take(webhook.webhook_id, message)
            return TAKEN
        if self._dice.chance(50):
            # Taken, and the answer is lost.
            self._take(webhook.webhook_id, message)
        await asyncio.sleep(self._dice.one_of([0, 0, DEADLINE_SECONDS]))
        return FAILED

    def _take(self, webhook_id: WebhookId, message: WebhookMessage) -> None:
        told = (webhook_id, message.batch_id)
        sequence, newest = message.event.sequence, self._newest[told]
        if sequence > newest + 1:
            self.faults.append(f"event {sequence} of {message.batch_id} behind {newest}")
        self._newest[told] = max(newest, sequence)
