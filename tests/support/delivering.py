"""The deliverer over a store, in time that the test owns."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from outdial_server.domain.event import EventType
from outdial_server.domain.ids import BatchId, WebhookId
from outdial_server.domain.webhook import Webhook, WebhookFields
from outdial_server.domain.webhook_message import WebhookMessage
from outdial_server.domain.webhook_tries import TAKEN, TryResult, Verdict
from outdial_server.engine.deliverer import LOOK_EVERY, Deliverer
from outdial_server.ports.webhooks import Due, TurnEnd
from support.clock import ManualSignals
from support.stores import World, ended

URL = "https://hooks.example.com/"
DEAD = TryResult(Verdict.FAILED, "CANNOT_CONNECT")
MINUTE = timedelta(minutes=1)


class Endpoint:
    """A WebhookSender whose far end a test turns off and on."""

    def __init__(self) -> None:
        self.result = TAKEN
        self.refuses: BatchId | None = None
        self.tried: list[WebhookMessage] = []
        self.taken: dict[WebhookId, list[WebhookMessage]] = defaultdict(list)

    async def send(self, webhook: Webhook, message: WebhookMessage) -> TryResult:
        self.tried.append(message)
        if self.refuses is not None and message.batch_id == self.refuses:
            return TryResult(Verdict.FAILED, "HTTP_500")
        if self.result.verdict is Verdict.TAKEN:
            self.taken[webhook.webhook_id].append(message)
        return self.result


class Delivering:
    """The deliverer, tick by tick."""

    def __init__(
        self, world: World, signals: ManualSignals, endpoint: Endpoint | None = None
    ) -> None:
        self.world = world
        self.endpoint = endpoint or Endpoint()
        self.deliverer = Deliverer(
            world.store.webhooks, self.endpoint, world.ids, world.clock, signals
        )

    async def once(self) -> datetime | None:
        """All turns that can be taken now, to their ends."""
        while True:
            self.world.clock.advance(LOOK_EVERY)
            tried = len(self.endpoint.tried)
            next_at = await self.deliverer.tick(self.world.clock.now())
            await self.deliverer.idle()
            if len(self.endpoint.tried) == tried:
                return next_at

    def ended_turn(self, turn: Due) -> TurnEnd:
        """Of one whose events were all taken, out of the test's sight."""
        return TurnEnd(turn, turn.events[-1].sequence)

    async def for_long(self, length: timedelta) -> None:
        """Each time at the moment that the tick before it named."""
        until = self.world.clock.now() + length
        while (next_at := await self.once()) is not None and next_at <= until:
            self.world.clock.move_to(next_at)
        self.world.clock.move_to(until)


async def hook(world: World, *types: EventType, url: str = URL, **fields: Any) -> Webhook:
    webhook_id = WebhookId(world.ids.new_id())
    return await world.store.webhooks.create_webhook(
        world.account_id, webhook_id, WebhookFields(url, event_types=types, **fields), "sealed"
    )


async def look(world: World, webhook: Webhook) -> Webhook:
    return await world.store.webhooks.get_webhook(world.account_id, webhook.webhook_id)


async def change(world: World, webhook: Webhook, **values: object) -> Webhook:
    return await world.store.webhooks.change_webhook(
        world.account_id,
        webhook.webhook_id,
        lambda present: replace(present.fields, **values),  # type: ignore[arg-type]
    )


async def call_all(world: World) -> None:
    for call in await world.live():
        await world.apply(ended(call))


async def turns(world: World) -> int:
    ((count,),) = await world.sql("SELECT COUNT(*) FROM webhook_turns")
    return int(count)


def sequences(messages: list[WebhookMessage], batch_id: BatchId) -> list[int]:
    return [one.event.sequence for one in messages if one.batch_id == batch_id]
