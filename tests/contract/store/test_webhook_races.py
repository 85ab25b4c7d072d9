"""Two servers that deliver, redeliveries, retries and dialling, all at the same time."""

import asyncio
from collections import defaultdict

import pytest

from outdial_server.domain.ids import BatchId
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_message import EventRange, WebhookMessage
from outdial_server.domain.webhook_tries import TAKEN, TryResult
from support.clock import ManualSignals
from support.delivering import Delivering, Endpoint, call_all, change, hook, sequences, turns
from support.stores import World

ROUNDS = 6


class StrictEndpoint(Endpoint):
    """Of two servers together. Notes when a second request of a batch comes before the first
    was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.out: dict[BatchId | None, int] = defaultdict(int)
        self.overlaps = 0

    async def send(self, webhook: Webhook, message: WebhookMessage) -> TryResult:
        self.tried.append(message)
        self.out[message.batch_id] += 1
        self.overlaps += self.out[message.batch_id] > 1
        await asyncio.sleep(0)
        self.out[message.batch_id] -= 1
        self.taken[webhook.webhook_id].append(message)
        return TAKEN


@pytest.fixture
def endpoint() -> StrictEndpoint:
    return StrictEndpoint()


async def test_whoever_asks_and_whoever_sends_the_order_of_each_batch_holds(
    world: World, signals: ManualSignals, endpoint: StrictEndpoint
) -> None:
    servers = [Delivering(world, signals, endpoint) for _ in range(2)]
    webhook = await hook(world)
    batches = [await world.batch(3) for _ in range(4)]

    async def again(batch_id: BatchId) -> None:
        await world.store.webhooks.resend(
            world.account_id, webhook.webhook_id, [EventRange(batch_id, 0, 2)]
        )

    for _ in range(ROUNDS):
        await asyncio.gather(
            *(server.deliverer.tick(world.clock.now()) for server in servers),
            *(again(batch_id) for batch_id in batches),
            call_all(world),
        )
        await asyncio.gather(*(server.once() for server in servers))
        await asyncio.gather(
            *(world.retry(batch_id) for batch_id in batches),
            *(again(batch_id) for batch_id in batches),
            *(server.once() for server in servers),
        )
    await call_all(world)
    for _ in range(2):
        for server in servers:
            await server.once()
    assert await turns(world) == 0
    assert await world.sql("SELECT * FROM webhook_resends") == []
    assert not endpoint.overlaps
    taken = endpoint.taken[webhook.webhook_id]
    for batch_id in batches:
        told = [one for one in sequences(taken, batch_id) if one > 2]
        assert told == [one.sequence for one in await world.events(batch_id)][2:]


async def test_an_endpoint_that_is_stopped_meanwhile_is_sent_nothing_more(
    world: World, signals: ManualSignals, endpoint: StrictEndpoint
) -> None:
    servers = [Delivering(world, signals, endpoint) for _ in range(2)]
    webhook = await hook(world)
    batches = [await world.batch(3) for _ in range(4)]
    ranges = [EventRange(batch_id, 0, 1) for batch_id in batches]
    await world.store.webhooks.resend(world.account_id, webhook.webhook_id, ranges)
    await asyncio.gather(
        call_all(world),
        *(server.once() for server in servers),
        change(world, webhook, active=False),
    )
    tried = len(endpoint.tried)
    for server in servers:
        await server.once()
    assert len(endpoint.tried) == tried
    assert await turns(world) == 0
    assert await world.sql("SELECT * FROM webhook_resends") == []
