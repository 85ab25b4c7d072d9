"""What forecasts are made from, on both databases."""

from collections import Counter
from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.forecast.forecast import forecast
from outdial_server.domain.forecast.history import PastCall
from outdial_server.domain.forecast.people import Alike, Lot
from outdial_server.domain.forecast.question import DialledBatch, Question
from outdial_server.domain.ids import AccountId, BatchId, ThrottleId
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.suppression import SUPPRESSED, SuppressionFields
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from support.clock import START
from support.forecasting import chances
from support.stores import NO_ID, World, answered, ended, new_row, new_rows, number

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
BUSY, NO_ANSWER = Disposition.BUSY, Disposition.NO_ANSWER
OFFICE = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)
POLICY = RetryPolicy(
    (RetryRule(BUSY, FixedDelays((10 * SECOND,) * 3)), RetryRule(NO_ANSWER, FixedDelays((SECOND,))))
)


async def question(world: World, batch_id: BatchId) -> Question:
    return await world.store.forecasts.question(world.account_id, batch_id, 30 * DAY)


async def refused(world: World, batch_id: BatchId) -> Reason:
    with pytest.raises(PreconditionError) as refusal:
        await question(world, batch_id)
    return refusal.value.reason


def counted(batch: DialledBatch) -> dict[Alike, int]:
    people: Counter[Alike] = Counter()
    for lot in batch.lots:
        people[lot.alike] += lot.count
    return dict(people)


async def dial_all(world: World) -> None:
    """Everybody talks for a minute."""
    while calls := await world.live():
        await world.apply(*map(answered, calls))
        world.advance(seconds=60)
        await world.apply(*map(ended, calls))


async def test_a_list_is_read_as_those_who_are_alike(world: World) -> None:
    rows = [*new_rows(5), *new_rows(4, first=10, priority=7)]
    found = await question(world, await world.batch(rows))
    lots = found.asked_batch.lots
    assert sorted(lots, key=lambda lot: lot.count) == [
        Lot(Alike(priority=7), 0, 4),
        Lot(Alike(), 0, 5),
    ]
    assert found.at == START
    assert found.found_in is BatchState.RUNNING


async def test_zones_are_told_apart_where_hours_ask_for_them(world: World) -> None:
    rows = [*new_rows(3), *new_rows(2, first=10, time_zone="America/New_York")]
    plain = await question(world, await world.batch(rows))
    assert counted(plain.asked_batch) == {Alike(): 5}
    batch_id = await world.batch(rows, calling_hours=OFFICE)
    # New York sleeps: a claim puts them off.
    await world.claim()
    found = await question(world, batch_id)
    assert counted(found.asked_batch) == {Alike(time_zone="America/New_York"): 2}
    (lot,) = found.asked_batch.lots
    assert START + timedelta(microseconds=lot.due_us) == START + timedelta(hours=5)


async def test_who_is_on_the_do_not_call_list_is_told_apart(world: World) -> None:
    batch_id = await world.batch(4)
    assert counted((await question(world, batch_id)).asked_batch) == {Alike(): 4}
    for n, expires_at in ((2, None), (3, world.later(hours=1))):
        await world.store.suppressions.put_suppressions(
            world.account_id, [number(n)], SuppressionFields(expires_at=expires_at)
        )
    world.advance(hours=2)
    found = await question(world, batch_id)
    assert counted(found.asked_batch) == {Alike(): 3, Alike(suppressed=True): 1}
    told = forecast(found, chances())
    assert told.skipped[SUPPRESSED].point == 1


async def test_people_who_wait_for_another_try_bring_their_earlier_ones(world: World) -> None:
    batch_id = await world.batch(3, retry_policy=POLICY)
    first, second, third = await world.live()
    await world.apply(ended(first, BUSY), ended(second, NO_ANSWER), ended(third, BUSY))
    world.advance(seconds=10)
    again = await world.live()
    await world.apply(*(ended(call, BUSY) for call in again))
    found = await question(world, batch_id)
    # The one that was not answered has had both its tries busy or not by now.
    assert counted(found.asked_batch) == {
        Alike(attempts=2, earlier=(BUSY, BUSY), by_policy=True): 2,
        Alike(attempts=2, earlier=(BUSY, NO_ANSWER), by_policy=True): 1,
    }
    assert {lot.due_us for lot in found.asked_batch.lots} == {10_000_000}


async def test_calls_under_way_are_read_with_how_long_they_last(world: World) -> None:
    batch_id = await world.batch(3, max_concurrent_calls=2)
    first, _ = await world.live()
    world.advance(seconds=4)
    await world.apply(answered(first))
    world.advance(seconds=6)
    batch = (await question(world, batch_id)).asked_batch
    assert {(c.elapsed_us, c.talked_us) for c in batch.live} == {
        (10_000_000, 6_000_000),
        (10_000_000, None),
    }
    assert counted(batch) == {Alike(): 1}
    assert [row.used for row in batch.facts.slots] == [2, 2, 2, 2]


async def test_history_is_of_the_agent_and_others_stand_behind(world: World) -> None:
    other = await world.new_agent("Bea")
    await world.batch(2, agent_id=other)
    for call in await world.live():
        await world.apply(ended(call, NO_ANSWER))
    await world.batch(1)
    (call,) = await world.live()
    world.advance(seconds=3)
    await world.apply(answered(call))
    world.advance(seconds=20)
    await world.apply(ended(call))
    batch_id = await world.batch(2)
    (talking, _) = await world.live()
    world.advance(seconds=2)
    await world.apply(answered(talking))
    world.advance(seconds=5)
    found = await question(world, batch_id)
    agent = found.asked_batch.agent_key
    human = Disposition.ANSWERED_HUMAN
    timeout = found.asked_batch.batch.settings.ring_timeout.total_seconds()
    assert found.history.own(agent) == [
        PastCall(1, None, 2.0, 5.0, timeout),
        PastCall(1, human, 3.0, 20.0, timeout),
    ]
    assert [past.disposition for past in found.history.others(agent)] == [NO_ANSWER, NO_ANSWER]


async def test_a_slot_is_held_from_the_claim_on(world: World) -> None:
    batch_id = await world.batch(2)
    calls = await world.claim(1)
    world.advance(seconds=2)
    (call,) = (await world.send(calls)).calls
    world.advance(seconds=7)
    await world.apply(ended(call, BUSY))
    found = await question(world, batch_id)
    (past,) = found.history.own(found.asked_batch.agent_key)
    assert (past.lead_seconds, past.ring_seconds) == (2.0, 7.0)


async def test_throttles_are_read_with_what_they_count(world: World) -> None:
    throttle = await world.store.throttles.create_throttle(
        world.account_id,
        ThrottleId(world.ids.new_id()),
        ThrottleFields("slow", (ThrottleRule(5, 60 * SECOND), ThrottleRule(2, SECOND))),
    )
    batch_id = await world.batch(9, throttle=throttle.throttle_id)
    await world.sending()
    world.advance(seconds=30)
    await world.sending(1)
    found = await question(world, batch_id)
    (past,) = found.throttles.values()
    assert past.rules == throttle.fields.rules
    assert past.hits == [(-30_000_000, 2), (0, 1)]
    assert found.asked_batch.facts.throttle is not None


async def test_other_batches_of_the_account_are_in_it(world: World) -> None:
    batch_id = await world.batch(2)
    running = await world.batch(3)
    await world.batch(4, window_start=world.later(hours=1))
    paused = await world.batch(5)
    await world.change(paused, rules.pause)
    await world.batch(6, draft=True)
    elsewhere = await world.new_account()
    await world.batch(
        7, account_id=elsewhere, agent_id=await world.new_agent("Cyd", account_id=elsewhere)
    )
    found = await question(world, batch_id)
    people = [sum(lot.count for lot in batch.lots) for batch in found.batches]
    assert people == [2, 3, 4, 0]
    ids = [batch.batch.batch_id for batch in found.batches]
    assert ids[0] == batch_id
    assert running in ids


async def test_a_draft_and_a_paused_batch_are_taken_to_go_on_now(world: World) -> None:
    draft = await question(world, await world.batch(2, draft=True))
    assert draft.asked_batch.batch.state is BatchState.RUNNING
    assert (draft.found_in, draft.assumes_start) == (BatchState.DRAFT, True)
    paused_id = await world.batch(2)
    await world.change(paused_id, rules.pause)
    paused = await question(world, paused_id)
    assert paused.asked_batch.batch.state is BatchState.RUNNING
    assert counted(paused.asked_batch) == {Alike(): 2}
    assert (await world.get(paused_id)).state is BatchState.PAUSED


async def test_what_nothing_is_to_come_of_is_refused(world: World) -> None:
    cancelled = await world.batch(2)
    await world.change(cancelled, rules.cancel)
    assert await refused(world, cancelled) is Reason.BATCH_STATE
    assert await refused(world, await world.batch(0, draft=True)) is Reason.BATCH_EMPTY
    for account_id, batch_id in ((world.account_id, BatchId(NO_ID)), (AccountId(NO_ID), cancelled)):
        with pytest.raises(NotFoundError):
            await world.store.forecasts.question(account_id, batch_id, DAY)


async def test_a_forecast_of_what_was_read_dials_as_the_store_does(world: World) -> None:
    """Twelve people, three at a time, a minute each, as a hundred before them."""
    await world.batch(100, max_concurrent_calls=50)
    await dial_all(world)
    batch_id = await world.batch(12, max_concurrent_calls=3)
    found = forecast(await question(world, batch_id), chances())
    begun = world.clock.now()
    await dial_all(world)
    ended_at = (await world.get(batch_id)).ended_at
    assert ended_at == begun + 240 * SECOND
    assert found.ends.low is not None
    assert found.ends.high is not None
    assert found.ends.low <= ended_at <= found.ends.high
    assert found.people[ScheduledCallState.COMPLETED].point >= 11


async def test_a_row_of_a_new_kind_is_read_like_the_others(world: World) -> None:
    batch_id = await world.batch([new_row(1, ring_timeout=5 * SECOND), new_row(2)])
    assert counted((await question(world, batch_id)).asked_batch) == {Alike(): 2}
