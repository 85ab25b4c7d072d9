"""Webhooks in the store, and the deliverer over it, in time that the test owns."""

from collections import defaultdict
from datetime import timedelta

import pytest

from outdial_server.domain import limits
from outdial_server.domain.batch import Batch
from outdial_server.domain.call_event import CallEvent
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.errors import ExhaustedError, NotFoundError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import WebhookId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.domain.told_call import Told, ToldCall
from outdial_server.domain.webhook import (
    Failures,
    WebhookHealth,
)
from outdial_server.domain.webhook_format import WebhookFormat, has_a_word_for
from outdial_server.domain.webhook_secrets import SECRET_OVERLAP
from outdial_server.domain.webhook_tries import DELAYS, JITTER, TAKEN, TryResult, Verdict
from outdial_server.engine.deliverer import PLAN
from outdial_server.ports.webhooks import TurnEnd
from support.clock import ManualSignals
from support.delivering import (
    DEAD,
    MINUTE,
    URL,
    Delivering,
    call_all,
    change,
    hook,
    look,
    sequences,
    turns,
)
from support.stores import NO_ID, World, ended


@pytest.fixture
def delivering(world: World, signals: ManualSignals) -> Delivering:
    return Delivering(world, signals)


async def test_every_event_comes_once_and_in_order(world: World, delivering: Delivering) -> None:
    webhook = await hook(world)
    first, second = await world.batch(3), await world.batch(30)
    await delivering.once()
    await call_all(world)
    await delivering.once()
    taken = delivering.endpoint.taken[webhook.webhook_id]
    for batch_id in (first, second):
        events = await world.events(batch_id)
        assert [m.event for m in taken if m.batch_id == batch_id] == events
    assert len({message.message_id for message in taken}) == len(taken)
    assert await turns(world) == 0


async def test_what_was_said_is_told_though_its_batch_was_told_to_the_end(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    await world.batch(1)
    (call,) = await world.live()
    await world.apply(ended(call))
    await delivering.once()
    assert await turns(world) == 0
    said = CallEvent(None, Conversation(summary="Ada will come."))
    await world.store.dispatch.apply_call_event(world.account_id, call.call_id, said)
    await delivering.once()
    *_, end, last = delivering.endpoint.taken[webhook.webhook_id]
    assert (end.event.type, last.event.type) == (
        EventType.BATCH_ENDED,
        EventType.CONVERSATION_REPORTED,
    )
    assert await turns(world) == 0


async def test_only_what_is_wanted_is_sent(world: World, delivering: Delivering) -> None:
    webhook = await hook(world, EventType.CALL_ENDED)
    await world.batch(4)
    await call_all(world)
    await delivering.once()
    taken = delivering.endpoint.taken[webhook.webhook_id]
    assert [message.event.type for message in taken] == [EventType.CALL_ENDED] * 4
    assert await turns(world) == 0


async def test_an_endpoint_of_an_agent_is_told_of_its_batches_and_direct_calls_alone(
    world: World, delivering: Delivering
) -> None:
    other = await world.new_agent("Bea")
    before = await world.batch(1, agent_id=other)
    webhook = await hook(world, agent_id=other)
    ours, theirs = await world.batch(1), await world.batch(1, agent_id=other)
    direct = await world.direct(agent_id=other)
    await world.direct()
    assert direct.claimed is not None
    await world.send([direct.claimed])
    await call_all(world)
    await delivering.once()
    taken = delivering.endpoint.taken[webhook.webhook_id]
    assert {message.batch_id for message in taken} == {before, theirs, None}
    assert sequences(taken, theirs) == [event.sequence for event in await world.events(theirs)]
    assert not sequences(delivering.endpoint.tried, ours)
    told = [message.event.after for message in taken if message.batch_id is None]
    assert [getattr(after, "call_id", None) for after in told] == [direct.call.call_id]
    assert await turns(world) == 1
    assert (await look(world, webhook)).fields.agent_id == other
    await hook(world)
    listed = await world.store.webhooks.list_webhooks(world.account_id, PageRequest(50, ""), other)
    assert [one.webhook_id for one in listed.items] == [webhook.webhook_id]


async def test_an_endpoint_of_a_batch_is_told_of_it_alone(
    world: World, delivering: Delivering
) -> None:
    wanted, other = await world.batch(2), await world.batch(2)
    webhook = await hook(world, batch_id=wanted)
    await world.batch(1)
    assert await turns(world) == 1
    await call_all(world)
    await delivering.once()
    taken = delivering.endpoint.taken[webhook.webhook_id]
    assert {message.batch_id for message in taken} == {wanted}
    await world.retry(wanted)
    await world.retry(other)
    await delivering.once()
    told = sequences(delivering.endpoint.taken[webhook.webhook_id], wanted)
    *_, last = await world.events(wanted)
    assert told[-1] == last.sequence
    assert {message.batch_id for message in delivering.endpoint.tried} == {wanted}
    assert (await look(world, webhook)).fields.batch_id == wanted


@pytest.mark.parametrize("name", ["agent_id", "batch_id"])
async def test_an_endpoint_of_what_is_not_ours_is_not_made(world: World, name: str) -> None:
    other = await world.new_account()
    agent_id = await world.new_agent("Bea", account_id=other)
    batch_id = await world.batch(1, account_id=other, agent_id=agent_id)
    foreign = {"agent_id": agent_id, "batch_id": batch_id}[name]
    for id_ in (foreign, NO_ID, "nonsense"):
        with pytest.raises(NotFoundError):
            await hook(world, **{name: id_})
    page = await world.store.webhooks.list_webhooks(world.account_id, PageRequest(50, ""))
    assert not page.items


@pytest.mark.parametrize("form", [one for one in WebhookFormat if one is not WebhookFormat.OUTDIAL])
async def test_other_formats_are_given_what_they_tell_of(
    world: World, delivering: Delivering, form: WebhookFormat
) -> None:
    webhook = await hook(world, format=form)
    batch_id = await world.batch(2)
    await call_all(world)
    await delivering.once()
    taken = delivering.endpoint.taken[webhook.webhook_id]
    events = [event for event in await world.events(batch_id) if has_a_word_for(form, event)]
    assert [message.event for message in taken] == events
    for message in taken:
        after = message.event.after
        if isinstance(message.about, ToldCall):
            assert message.about.call.call_id == getattr(after, "call_id", None)
        else:
            assert isinstance(message.about, Batch)
            assert message.about.batch_id == batch_id
    assert await turns(world) == 0


async def test_what_is_erased_before_it_is_sent_is_passed_over_in_other_formats(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world, format=WebhookFormat.ULTRAVOX)
    await world.batch(1)
    await call_all(world)
    taken = await world.store.webhooks.take_turns(PLAN)
    (turn,) = taken.turns
    keep = Retention(batches=timedelta(days=1), calls=timedelta(days=1))
    world.clock.advance(timedelta(days=2))
    while (await world.store.retention.erase(keep, 250)).more:
        pass
    calls = {getattr(event.after, "call_id", None) for event in turn.events} - {None}
    assert await world.store.webhooks.read_told(turn.batch_id, calls) == Told()
    await delivering.once()
    assert not delivering.endpoint.taken[webhook.webhook_id]


async def test_an_account_without_webhooks_has_nothing_to_send(
    world: World, delivering: Delivering
) -> None:
    await world.batch(2)
    assert await delivering.once() is None
    assert await turns(world) == 0


async def test_another_account_hears_nothing(world: World, delivering: Delivering) -> None:
    await hook(world)
    other = await world.new_account()
    agent_id = await world.new_agent("Bea", account_id=other)
    await world.batch(1, account_id=other, agent_id=agent_id)
    await delivering.once()
    assert not delivering.endpoint.tried


async def test_what_was_before_is_not_told_and_what_follows_is(
    world: World, delivering: Delivering
) -> None:
    batch_id = await world.batch(1)
    before = (await world.events(batch_id))[-1].sequence
    webhook = await hook(world)
    await call_all(world)
    await delivering.once()
    told = sequences(delivering.endpoint.taken[webhook.webhook_id], batch_id)
    assert told == [event.sequence for event in await world.events(batch_id, before)]


async def test_a_receiver_dead_for_ten_minutes_gets_everything_in_order(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = DEAD
    batches = [await world.batch(3) for _ in range(3)]
    await call_all(world)
    await delivering.for_long(10 * MINUTE)
    down = await look(world, webhook)
    assert down.failures.health is WebhookHealth.FAILING
    assert down.failures.last_error == "CANNOT_CONNECT"
    assert not delivering.endpoint.taken
    delivering.endpoint.result = TAKEN
    await delivering.for_long(10 * MINUTE * (1 + JITTER))
    taken = delivering.endpoint.taken[webhook.webhook_id]
    for batch_id in batches:
        events = await world.events(batch_id)
        assert [m.event for m in taken if m.batch_id == batch_id] == events
    assert (await look(world, webhook)).failures == Failures()
    assert await turns(world) == 0


async def test_one_success_lets_all_go_that_waits(world: World, delivering: Delivering) -> None:
    webhook = await hook(world, EventType.BATCH_CREATED)
    delivering.endpoint.result = DEAD
    for _ in range(5):
        await world.batch(1)
    await delivering.once()
    delivering.endpoint.result = TAKEN
    world.clock.advance(DELAYS[0])
    await world.batch(1)
    await delivering.once()
    assert len(delivering.endpoint.taken[webhook.webhook_id]) == 6


async def test_an_endpoint_that_takes_nothing_for_a_day_is_made_inactive(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = DEAD
    await world.batch(1)
    await delivering.for_long(timedelta(hours=30))
    assert len(delivering.endpoint.tried) == len(DELAYS) + 1
    assert {message.message_id for message in delivering.endpoint.tried} == {
        delivering.endpoint.tried[0].message_id
    }
    shown = await look(world, webhook)
    assert not shown.fields.active
    assert shown.revision == webhook.revision + 1
    assert await turns(world) == 0


async def test_gone_makes_it_inactive_at_once(world: World, delivering: Delivering) -> None:
    webhook = await hook(world)
    delivering.endpoint.result = TryResult(Verdict.GONE, "HTTP_410")
    await world.batch(1)
    await delivering.once()
    assert len(delivering.endpoint.tried) == 1
    shown = await look(world, webhook)
    assert (shown.fields.active, shown.failures.last_error) == (False, "HTTP_410")
    assert await turns(world) == 0


async def test_what_happens_while_it_rests_is_never_sent(
    world: World, delivering: Delivering
) -> None:
    webhook = await change(world, await hook(world), active=False)
    batch_id = await world.batch(1)
    before = (await world.events(batch_id))[-1].sequence
    await change(world, webhook, active=True)
    await call_all(world)
    await delivering.once()
    told = sequences(delivering.endpoint.taken[webhook.webhook_id], batch_id)
    assert told == [event.sequence for event in await world.events(batch_id, before)]


async def test_a_batch_that_is_retried_is_told_again(world: World, delivering: Delivering) -> None:
    webhook = await hook(world)
    batch_id = await world.batch(1)
    await call_all(world)
    await delivering.once()
    assert await turns(world) == 0
    await world.retry(batch_id)
    await delivering.once()
    told = sequences(delivering.endpoint.taken[webhook.webhook_id], batch_id)
    assert told == [event.sequence for event in await world.events(batch_id)]


async def test_nobody_else_takes_a_turn_before_its_lease_is_over(world: World) -> None:
    store = world.store.webhooks
    await hook(world)
    await world.batch(1)
    (turn,) = (await store.take_turns(PLAN)).turns
    assert not (await store.take_turns(PLAN)).turns
    world.clock.advance(PLAN.lease)
    (again,) = (await store.take_turns(PLAN)).turns
    assert again.events == turn.events
    # The first one is too late: it moves nothing.
    await store.end_turn(TurnEnd(turn, turn.events[-1].sequence))
    world.clock.advance(PLAN.lease)
    (third,) = (await store.take_turns(PLAN)).turns
    assert third.sequence == turn.sequence


async def test_an_endpoint_has_a_few_turns_at_a_time_and_others_theirs(world: World) -> None:
    for n in range(2):
        await hook(world, url=f"{URL}{n}")
    for _ in range(PLAN.per_webhook + 3):
        await world.batch(1)
    taken = (await world.store.webhooks.take_turns(PLAN)).turns
    counts = defaultdict(int)
    for turn in taken:
        counts[turn.webhook.fields.url] += 1
    assert list(counts.values()) == [PLAN.per_webhook] * 2
    assert not (await world.store.webhooks.take_turns(PLAN)).turns


async def test_the_secret_before_signs_until_its_overlap_is_over(world: World) -> None:
    webhook = await hook(world)
    rotated = await world.store.webhooks.rotate_secret(
        world.account_id, webhook.webhook_id, lambda w, now: w.secrets.rotated("newer", now)
    )
    now = world.clock.now()
    assert rotated.secrets.at(now) == ("newer", "sealed")
    assert rotated.secrets.at(now + SECRET_OVERLAP) == ("newer",)


async def test_a_deleted_webhook_is_gone_with_what_waits(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    await world.batch(1)
    await world.store.webhooks.delete_webhook(world.account_id, webhook.webhook_id)
    await delivering.once()
    assert not delivering.endpoint.tried
    assert await turns(world) == 0
    with pytest.raises(NotFoundError) as caught:
        await look(world, webhook)
    assert caught.value.reason is Reason.WEBHOOK_NOT_FOUND


@pytest.mark.parametrize("webhook_id", [NO_ID, "no-uuid"])
async def test_an_unknown_one_is_not_found(world: World, webhook_id: str) -> None:
    with pytest.raises(NotFoundError):
        await world.store.webhooks.get_webhook(world.account_id, WebhookId(webhook_id))


async def test_an_account_has_so_many_and_no_more(world: World) -> None:
    for n in range(limits.WEBHOOKS_MAX):
        await hook(world, url=f"{URL}{n}")
    with pytest.raises(ExhaustedError) as caught:
        await hook(world)
    assert caught.value.reason is Reason.TOO_MANY_WEBHOOKS
    page = await world.store.webhooks.list_webhooks(world.account_id, PageRequest(50, ""))
    urls = [one.fields.url for one in page.items]
    assert urls == [f"{URL}{n}" for n in range(limits.WEBHOOKS_MAX)]


async def test_a_message_that_alone_is_not_taken_is_left_out_after_a_day(
    world: World, delivering: Delivering
) -> None:
    webhook = await hook(world)
    bad = await world.batch(1)
    delivering.endpoint.refuses = bad
    for _ in range(3):
        await delivering.for_long(timedelta(hours=12))
        good = await world.batch(1)
        await delivering.once()
        taken = delivering.endpoint.taken[webhook.webhook_id]
        assert sequences(taken, good) == [event.sequence for event in await world.events(good)]
    tries = [one.event.sequence for one in delivering.endpoint.tried if one.batch_id == bad]
    assert tries == [1] * (len(DELAYS) + 1)
    assert (await look(world, webhook)).fields.active


async def test_a_batch_that_is_erased_takes_what_waits_along(
    world: World, delivering: Delivering
) -> None:
    await hook(world)
    delivering.endpoint.result = DEAD
    await world.batch(1)
    await call_all(world)
    await delivering.once()
    keep = Retention(batches=timedelta(days=1), calls=timedelta(days=1))
    world.clock.advance(timedelta(days=2))
    while (await world.store.retention.erase(keep, 250)).more:
        pass
    assert await world.sql("SELECT key FROM batches") == []
    assert await turns(world) == 0
