"""Events that are sent again, by name and by time."""

from datetime import datetime, timedelta

import pytest

from outdial_server.domain.call_event import CallEvent
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import BatchId, WebhookId
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_message import EventRange, WebhookMessage
from outdial_server.domain.webhook_tries import DELAYS, TAKEN
from outdial_server.engine.deliverer import PLAN
from outdial_server.ports.webhook_log import PastEvents
from support.clock import ManualSignals
from support.delivering import DEAD, MINUTE, Delivering, call_all, change, hook, sequences, turns
from support.stores import NO_ID, World, ended

HOUR = timedelta(hours=1)


@pytest.fixture
def delivering(world: World, signals: ManualSignals) -> Delivering:
    return Delivering(world, signals)


def taken(delivering: Delivering, webhook: Webhook) -> list[WebhookMessage]:
    return delivering.endpoint.taken[webhook.webhook_id]


async def resend(world: World, webhook: Webhook, *ranges: EventRange) -> None:
    await world.store.webhooks.resend(world.account_id, webhook.webhook_id, ranges)


async def past(
    world: World,
    webhook: Webhook,
    since: datetime,
    until: datetime | None = None,
    batch_id: BatchId | None = None,
    most: int = 100,
) -> list[EventRange]:
    found = await world.store.webhooks.past_events(
        world.account_id, webhook.webhook_id, PastEvents(since, until, batch_id), most
    )
    return list(found)


async def resends(world: World) -> int:
    ((count,),) = await world.sql("SELECT COUNT(*) FROM webhook_resends")
    return int(count)


async def test_named_events_of_a_batch_that_has_ended_are_sent_again_in_order(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(3)
    await call_all(world)
    await delivering.once()
    assert await turns(world) == 0
    before = len(taken(delivering, webhook))
    named = [(batch_id, 5), (batch_id, 2), (batch_id, 3), (batch_id, 5)]
    ranges = await world.store.webhooks.named_events(world.account_id, webhook.webhook_id, named)
    await resend(world, webhook, *ranges)
    await delivering.once()
    again = taken(delivering, webhook)[before:]
    events = await world.events(batch_id)
    assert [message.event for message in again] == [events[1], events[2], events[4]]
    assert {one.message_id for one in again} < {
        one.message_id for one in taken(delivering, webhook)[:before]
    }
    assert (await turns(world), await resends(world)) == (0, 0)


async def test_what_is_sent_again_goes_before_what_is_new_and_moves_nothing_on(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(30)
    await delivering.once()
    told = sequences(taken(delivering, webhook), batch_id)
    await call_all(world)
    await resend(world, webhook, EventRange(batch_id, 0, told[-1]))
    await delivering.once()
    events = [event.sequence for event in await world.events(batch_id)]
    assert sequences(taken(delivering, webhook), batch_id) == told + events


async def test_asking_again_while_it_waits_changes_nothing(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(3)
    await call_all(world)
    await delivering.once()
    delivering.endpoint.taken.clear()
    for _ in range(3):
        await resend(world, webhook, EventRange(batch_id, 2, 6))
    await resend(world, webhook, EventRange(batch_id, 4, 6))
    await delivering.once()
    assert sequences(taken(delivering, webhook), batch_id) == [3, 4, 5, 6]


async def test_whoever_asks_for_more_during_a_turn_gets_all_of_it(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(3)
    await call_all(world)
    await delivering.once()
    delivering.endpoint.taken.clear()
    await resend(world, webhook, EventRange(batch_id, 4, 6))
    world.clock.advance(MINUTE)
    (turn,) = (await world.store.webhooks.take_turns(PLAN)).turns
    assert [event.sequence for event in turn.events] == [5, 6]
    await resend(world, webhook, EventRange(batch_id, 2, 6))
    await world.store.webhooks.end_turn(delivering.ended_turn(turn))
    await delivering.once()
    assert sequences(taken(delivering, webhook), batch_id) == [3, 4, 5, 6]
    assert await resends(world) == 0


async def test_a_time_finds_the_part_of_each_batch_that_lies_in_it(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    early = await world.batch(2)
    await call_all(world)
    world.clock.advance(HOUR)
    crossing = await world.batch(2)
    before = len(await world.events(crossing))
    world.clock.advance(HOUR)
    since = world.clock.now()
    await call_all(world)
    within = await world.batch(2)
    await call_all(world)
    world.clock.advance(HOUR)
    until = world.clock.now()
    late = await world.batch(1)
    ends = {one: len(await world.events(one)) for one in (early, crossing, within, late)}
    assert await past(world, webhook, since, until) == [
        EventRange(crossing, before, ends[crossing]),
        EventRange(within, 0, ends[within]),
    ]
    assert await past(world, webhook, since, until, crossing) == [
        EventRange(crossing, before, ends[crossing])
    ]
    assert await past(world, webhook, since) == [
        EventRange(crossing, before, ends[crossing]),
        EventRange(within, 0, ends[within]),
        EventRange(late, 0, ends[late]),
    ]
    assert not await past(world, webhook, until + HOUR)
    assert len(await past(world, webhook, since - 3 * HOUR, most=1)) == 2


async def test_a_time_in_the_middle_of_a_batch_is_cut_out_of_it(world: World) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(6)
    for _ in range(6):
        world.clock.advance(MINUTE)
        await world.live(1)
    events = await world.events(batch_id)
    since, until = events[4].at, events[-3].at
    wanted = [event.sequence for event in events if since <= event.at < until]
    assert await past(world, webhook, since, until) == [
        EventRange(batch_id, wanted[0] - 1, wanted[-1])
    ]


async def test_a_time_finds_what_was_reported_behind_the_end_of_a_batch(world: World) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(1)
    calls = await world.live(1)
    await world.apply(*map(ended, calls))
    before = len(await world.events(batch_id))
    ended_by = world.clock.now() + MINUTE
    world.clock.advance(HOUR)
    since = world.clock.now()
    said = CallEvent(None, Conversation(summary="Ada will come on Friday."))
    await world.store.dispatch.apply_call_event(world.account_id, calls[0].call_id, said)
    assert await past(world, webhook, since) == [EventRange(batch_id, before, before + 1)]
    assert await past(world, webhook, since - 2 * HOUR, ended_by) == [
        EventRange(batch_id, 0, before)
    ]


async def test_what_was_never_sent_is_sent_by_its_time(
    world: World, delivering: Delivering
) -> None:
    webhook = await change(world, await hook(world, EventType.CALL_ENDED), active=False)
    since = world.clock.now()
    batch_id = await world.batch(4)
    await call_all(world)
    await change(world, webhook, active=True)
    await resend(world, webhook, *await past(world, webhook, since))
    await delivering.once()
    ends = [
        event.sequence
        for event in await world.events(batch_id)
        if event.type is EventType.CALL_ENDED
    ]
    assert sequences(taken(delivering, webhook), batch_id) == ends


async def test_a_redelivery_lets_what_fails_be_tried_at_once(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = DEAD
    batch_id = await world.batch(1)
    await delivering.for_long(HOUR)
    delivering.endpoint.result = TAKEN
    await resend(world, webhook, EventRange(batch_id, 0, 1))
    await delivering.once()
    events = [event.sequence for event in await world.events(batch_id)]
    assert sequences(taken(delivering, webhook), batch_id) == [1, *events]


async def test_what_fails_again_is_tried_for_a_day_and_holds_up_what_is_new(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(1)
    await delivering.once()
    delivering.endpoint.result = DEAD
    tried = len(delivering.endpoint.tried)
    await resend(world, webhook, EventRange(batch_id, 0, 1))
    await delivering.once()
    await call_all(world)
    await delivering.once()
    assert sequences(delivering.endpoint.tried[tried:], batch_id) == [1]
    delivering.endpoint.result = TAKEN
    await delivering.for_long(DELAYS[0] * 2)
    events = [event.sequence for event in await world.events(batch_id)]
    assert sorted(sequences(taken(delivering, webhook), batch_id)) == sorted([*events, 1])


async def test_what_was_erased_in_the_meantime_is_passed_over(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(3)
    await call_all(world)
    await delivering.once()
    delivering.endpoint.taken.clear()
    await resend(world, webhook, EventRange(batch_id, 0, 2), EventRange(batch_id, 3, 6))
    await world.erase_events(batch_id, 6)
    await delivering.once()
    await delivering.once()
    assert sequences(taken(delivering, webhook), batch_id) == [6]
    assert (await turns(world), await resends(world)) == (0, 0)


async def test_nothing_is_sent_again_to_an_endpoint_that_rests(world: World) -> None:
    webhook = await change(world, await hook(world), active=False)
    with pytest.raises(PreconditionError) as caught:
        await resend(world, webhook)
    assert caught.value.reason is Reason.WEBHOOK_INACTIVE


async def test_what_rests_forgets_what_was_to_be_sent_again(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(1)
    await resend(world, webhook, EventRange(batch_id, 0, 1))
    await change(world, webhook, active=False)
    assert await resends(world) == 0


@pytest.mark.parametrize("sequence", [0, 99])
async def test_an_event_that_there_is_not_is_named(world: World, sequence: int) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(1)
    with pytest.raises(NotFoundError) as caught:
        await world.store.webhooks.named_events(
            world.account_id, webhook.webhook_id, [(batch_id, 1), (batch_id, sequence)]
        )
    assert caught.value.reason is Reason.WEBHOOK_EVENT_NOT_FOUND
    assert caught.value.metadata["id"].endswith(f"_{sequence}")


async def test_events_of_another_account_are_not_found(world: World) -> None:
    webhook = await hook(world)
    other = await world.new_account()
    agent_id = await world.new_agent("Bea", account_id=other)
    theirs = await world.batch(1, account_id=other, agent_id=agent_id)
    for named in ([(theirs, 1)], [(BatchId(NO_ID), 1)]):
        with pytest.raises(NotFoundError) as caught:
            await world.store.webhooks.named_events(world.account_id, webhook.webhook_id, named)
        assert caught.value.reason is Reason.WEBHOOK_EVENT_NOT_FOUND
    assert not await past(world, webhook, world.clock.now() - HOUR)
    with pytest.raises(NotFoundError):
        await past(world, webhook, world.clock.now() - HOUR, batch_id=theirs)
    with pytest.raises(NotFoundError):
        await world.store.webhooks.resend(world.account_id, WebhookId(NO_ID), [])
