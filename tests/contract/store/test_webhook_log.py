"""What became of each event, as the log tells it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, BatchId, WebhookId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_delivery import Delivery, DeliveryFilter, DeliveryState
from outdial_server.domain.webhook_message import message_id
from outdial_server.domain.webhook_tries import DELAYS, JITTER, TAKEN, TryResult, Verdict
from outdial_server.storage.verbs import webhook_log
from support.clock import ManualSignals
from support.delivering import DEAD, MINUTE, Delivering, call_all, change, hook, look
from support.stores import NO_ID, World

BUSY = TryResult(Verdict.FAILED, "HTTP_503", status=503, answer="come later")
GONE = TryResult(Verdict.GONE, "HTTP_410", status=410)


@pytest.fixture
def delivering(world: World, signals: ManualSignals) -> Delivering:
    return Delivering(world, signals)


async def log_of(
    world: World,
    webhook: Webhook,
    *states: DeliveryState,
    batch_id: BatchId | None = None,
) -> Sequence[Delivery]:
    page = await world.store.webhooks.list_deliveries(
        world.account_id,
        webhook.webhook_id,
        DeliveryFilter(states, batch_id),
        PageRequest(1000, ""),
    )
    return page.items


async def test_each_event_that_was_taken_is_in_the_log_once(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(2)
    await call_all(world)
    await delivering.once()
    events = await world.events(batch_id)
    logged = await log_of(world, webhook)
    assert [one.sequence for one in reversed(logged)] == [event.sequence for event in events]
    assert [one.event_type for one in reversed(logged)] == [event.type for event in events]
    assert [one.event_at for one in reversed(logged)] == [event.at for event in events]
    for one in logged:
        assert (one.state, one.tries, one.next_at) == (DeliveryState.DELIVERED, 1, None)
        assert (one.batch_id, one.message_id) == (batch_id, message_id(batch_id, one.sequence))
        assert one.first_tried_at == one.tried_at


async def test_what_fails_says_how_and_when_it_is_tried_next(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = BUSY
    await world.batch(1)
    await delivering.once()
    (first,) = await log_of(world, webhook)
    assert (first.state, first.tries) == (DeliveryState.RETRYING, 1)
    assert (first.status, first.error, first.answer) == (503, "HTTP_503", "come later")
    assert first.next_at is not None
    assert DELAYS[0] <= first.next_at - first.tried_at <= DELAYS[0] * (1 + JITTER)
    delivering.endpoint.result = DEAD
    await delivering.for_long(MINUTE)
    (again,) = await log_of(world, webhook)
    assert (again.tries, again.status, again.answer) == (3, None, "")
    assert again.first_tried_at == first.first_tried_at < again.tried_at
    delivering.endpoint.result = TryResult(Verdict.TAKEN, status=204)
    await delivering.for_long(2 * MINUTE * (1 + JITTER))
    *_, taken = await log_of(world, webhook)
    assert (taken.state, taken.tries, taken.error) == (DeliveryState.DELIVERED, 4, "")
    assert (taken.status, taken.next_at) == (204, None)


async def test_an_endpoint_that_is_back_has_what_waits_tried_now(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world, EventType.BATCH_CREATED)
    delivering.endpoint.result = DEAD
    refused = await world.batch(1)
    await delivering.for_long(10 * MINUTE)
    delivering.endpoint.result = TAKEN
    delivering.endpoint.refuses = refused
    (turn,) = (await log_of(world, webhook, batch_id=refused))[:1]
    await world.batch(1)
    world.clock.advance(timedelta(seconds=1))
    # The new batch's event is taken, and so the first one is due at that moment.
    await delivering.deliverer.tick(world.clock.now())
    await delivering.deliverer.idle()
    (waiting,) = await log_of(world, webhook, DeliveryState.RETRYING)
    assert turn.next_at is not None
    assert waiting.next_at is not None
    assert waiting.next_at <= world.clock.now() < turn.next_at


async def test_what_is_given_up_is_found_among_what_was_taken(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world, EventType.BATCH_CREATED)
    bad = await world.batch(1)
    delivering.endpoint.refuses = bad
    for _ in range(3):
        await delivering.for_long(timedelta(hours=12))
        await world.batch(1)
        await delivering.once()
    (dead,) = await log_of(world, webhook, DeliveryState.GIVEN_UP)
    assert (dead.batch_id, dead.tries, dead.next_at) == (bad, len(DELAYS) + 1, None)
    assert len(await log_of(world, webhook, DeliveryState.DELIVERED)) == 3
    assert list(await log_of(world, webhook, batch_id=bad)) == [dead]


@pytest.mark.parametrize("how", ["gone", "told", "deleted batch"])
async def test_what_nobody_tries_again_is_not_said_to_be_tried(
    world: World, delivering: Delivering, how: str
) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = DEAD
    first = await world.batch(1)
    await world.batch(1)
    await call_all(world)
    await delivering.once()
    assert len(await log_of(world, webhook, DeliveryState.RETRYING)) == 2
    if how == "gone":
        delivering.endpoint.result = GONE
        world.clock.advance(DELAYS[0] * (1 + JITTER))
        await delivering.once()
        assert not (await look(world, webhook)).fields.active
    elif how == "told":
        await change(world, webhook, active=False)
    else:
        keep = Retention(batches=timedelta(days=1), calls=timedelta(days=1))
        world.clock.advance(timedelta(days=2))
        while (await world.store.retention.erase(keep, 250)).more:
            pass
    assert not await log_of(world, webhook, DeliveryState.RETRYING)
    assert len(await log_of(world, webhook, DeliveryState.GIVEN_UP)) == 2
    assert await log_of(world, webhook, batch_id=first)


async def test_what_it_wants_no_more_is_not_said_to_be_tried(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = DEAD
    await world.batch(1)
    await delivering.once()
    await change(world, webhook, event_types=(EventType.BATCH_ENDED,))
    delivering.endpoint.result = TAKEN
    await delivering.for_long(MINUTE)
    (one,) = await log_of(world, webhook)
    assert (one.state, one.next_at) == (DeliveryState.GIVEN_UP, None)


async def test_of_a_direct_call_no_batch_is_named(world: World, delivering: Delivering) -> None:
    webhook = await hook(world)
    claimed = (await world.direct()).claimed
    assert claimed is not None
    await world.send([claimed])
    await delivering.once()
    (sending,) = await log_of(world, webhook)
    assert (sending.event_type, sending.batch_id) == (EventType.CALL_SENDING, None)


async def test_pages_follow_one_another_and_the_newest_is_first(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    await world.batch(3)
    await call_all(world)
    await delivering.once()
    whole = await log_of(world, webhook)
    pages, token = list[Delivery](), ""
    while True:
        page = await world.store.webhooks.list_deliveries(
            world.account_id, webhook.webhook_id, DeliveryFilter(), PageRequest(2, token)
        )
        pages += page.items
        token = page.next_token
        if not token:
            break
    assert pages == list(whole)


@pytest.mark.parametrize("per_look", [1, 3, 100])
async def test_few_among_many_are_found_look_by_look(
    world: World, delivering: Delivering, monkeypatch: pytest.MonkeyPatch, per_look: int
) -> None:
    webhook = await hook(world, EventType.BATCH_CREATED)
    for n in range(12):
        batch_id = await world.batch(1)
        # The earlier ones are tried again, and taken, with the next one.
        delivering.endpoint.refuses = batch_id if n in (2, 3, 11) else None
        await delivering.once()
    whole = await log_of(world, webhook, DeliveryState.DELIVERED)
    assert len(whole) == 11
    monkeypatch.setattr(webhook_log, "ROWS_PER_LOOK", per_look)
    found, token = list[Delivery](), ""
    while True:
        page = await world.store.webhooks.list_deliveries(
            world.account_id,
            webhook.webhook_id,
            DeliveryFilter([DeliveryState.DELIVERED]),
            PageRequest(2, token),
        )
        found += page.items
        token = page.next_token
        if not token:
            break
    assert found == list(whole)


async def test_the_log_of_another_account_is_not_found(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    other = await world.new_account()
    for account_id, webhook_id in (
        (other, webhook.webhook_id),
        (world.account_id, WebhookId(NO_ID)),
    ):
        with pytest.raises(NotFoundError) as caught:
            await world.store.webhooks.list_deliveries(
                AccountId(account_id), webhook_id, DeliveryFilter(), PageRequest(5, "")
            )
        assert caught.value.reason is Reason.WEBHOOK_NOT_FOUND


async def test_the_log_is_kept_for_its_time(world: World, delivering: Delivering) -> None:
    webhook = await hook(world, EventType.BATCH_CREATED)
    await world.batch(1)
    await delivering.once()
    world.clock.advance(timedelta(days=3))
    await world.batch(1)
    await delivering.once()
    keep = Retention(deliveries=timedelta(days=2))
    erased = 0
    while True:
        swept = await world.store.retention.erase(keep, 250)
        erased += swept.erased.deliveries
        if not swept.more:
            break
    assert erased == 1
    assert len(await log_of(world, webhook)) == 1
