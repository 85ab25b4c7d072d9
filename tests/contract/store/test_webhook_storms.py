"""Endpoints that fail in all ways, and dialling beside them."""

import asyncio
from itertools import pairwise
from random import Random

import pytest

from outdial_server.domain.batch import BatchState
from outdial_server.domain.event import EventType
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_message import EventRange, WebhookMessage
from outdial_server.domain.webhook_tries import TAKEN, TryResult, Verdict
from outdial_server.engine.deliverer import LOOK_EVERY
from support.clock import ManualSignals, settle
from support.delivering import MINUTE, Delivering, Endpoint, call_all, hook, sequences, turns
from support.stores import World

SEEDS = range(3)


class StormyEndpoint(Endpoint):
    """Takes some, refuses some, and loses the answer to some that it took."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)
        self.is_calm = False

    async def send(self, webhook: Webhook, message: WebhookMessage) -> TryResult:
        drawn = 1.0 if self.is_calm else self._random.random()
        if drawn < 0.3:
            return TryResult(Verdict.FAILED, "HTTP_503", status=503)
        self.taken[webhook.webhook_id].append(message)
        self.tried.append(message)
        return TryResult(Verdict.FAILED, "TIMEOUT") if drawn < 0.5 else TAKEN


class SilentEndpoint(Endpoint):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.lets = asyncio.Event()

    async def send(self, webhook: Webhook, message: WebhookMessage) -> TryResult:
        self.tried.append(message)
        await self.lets.wait()
        self.taken[webhook.webhook_id].append(message)
        return TAKEN


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_fails_each_call_is_told_to_its_end_and_in_order(
    world: World, signals: ManualSignals, seed: int
) -> None:
    endpoint = StormyEndpoint(seed)
    delivering = Delivering(world, signals, endpoint)
    webhook = await hook(world)
    batches = [await world.batch(4) for _ in range(3)]
    await delivering.once()
    await call_all(world)
    await delivering.for_long(5 * MINUTE)
    again = EventRange(batches[0], 1, 9)
    await world.store.webhooks.resend(world.account_id, webhook.webhook_id, [again])
    await delivering.for_long(5 * MINUTE)
    endpoint.is_calm = True
    await delivering.for_long(120 * MINUTE)
    assert await turns(world) == 0
    for batch_id in batches:
        told = sequences(endpoint.taken[webhook.webhook_id], batch_id)
        events = [event.sequence for event in await world.events(batch_id)]
        first_time = list(dict.fromkeys(told))
        assert first_time == events
        # Back only for what was asked for again, and for what may have been lost.
        back = [one for one, other in pairwise(told) if other < one]
        assert len(back) <= (2 if batch_id == again.batch_id else 0)


async def test_dialling_goes_on_while_no_endpoint_answers(
    world: World, signals: ManualSignals
) -> None:
    endpoint = SilentEndpoint()
    delivering = Delivering(world, signals, endpoint)
    hooks = [await hook(world, url=f"https://{n}.example.com/") for n in range(3)]
    first = await world.batch(3)
    await delivering.deliverer.tick(world.clock.now())
    await settle()
    assert len(endpoint.tried) == len(hooks)
    # No row that dialling writes is held, and no transaction is open, while they are waited for.
    second = await world.batch(40)
    await call_all(world)
    for batch_id in (first, second):
        assert (await world.get(batch_id)).state is BatchState.COMPLETED
    world.clock.advance(LOOK_EVERY)
    await delivering.deliverer.tick(world.clock.now())
    await settle()
    assert not endpoint.taken
    endpoint.lets.set()
    await delivering.deliverer.idle()
    await delivering.once()
    for webhook in hooks:
        for batch_id in (first, second):
            told = sequences(endpoint.taken[webhook.webhook_id], batch_id)
            assert told == [event.sequence for event in await world.events(batch_id)]


async def test_one_endpoint_has_a_few_requests_out_whatever_there_is_to_tell(
    world: World, signals: ManualSignals
) -> None:
    endpoint = SilentEndpoint()
    delivering = Delivering(world, signals, endpoint)
    await hook(world, EventType.BATCH_CREATED)
    for _ in range(20):
        await world.batch(1)
    for _ in range(5):
        world.clock.advance(LOOK_EVERY)
        await delivering.deliverer.tick(world.clock.now())
        await settle()
    assert len(endpoint.tried) == 8
    endpoint.lets.set()
    await delivering.deliverer.idle()
    await delivering.once()
    assert len(endpoint.tried) == 20


async def test_what_is_asked_for_again_waits_for_the_request_that_is_out(
    world: World, signals: ManualSignals
) -> None:
    endpoint = SilentEndpoint()
    delivering = Delivering(world, signals, endpoint)
    webhook = await hook(world)
    batch_id = await world.batch(1)
    await delivering.deliverer.tick(world.clock.now())
    await settle()
    again = EventRange(batch_id, 0, 1)
    await world.store.webhooks.resend(world.account_id, webhook.webhook_id, [again])
    world.clock.advance(LOOK_EVERY)
    await delivering.deliverer.tick(world.clock.now())
    await settle()
    assert sequences(endpoint.tried, batch_id) == [1]
    endpoint.lets.set()
    await delivering.deliverer.idle()
    await delivering.once()
    assert sequences(endpoint.tried, batch_id) == [1, 1]
