"""Batches that are spread over their days, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.explanation import batch_answers, batch_verdict
from outdial_server.domain.pacing import Pacing
from support.clock import START
from support.stores import World, ended

SPREAD = Pacing.SPREAD_OVER_DAYS
# START is 09:00 UTC on a Monday: eight hours are left.
OFFICE = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)
HOUR = timedelta(hours=1)


async def dial_all(world: World, until: datetime) -> list[datetime]:
    """Claims when a call has ended, which it does at once, and when a claim has said so."""
    moments: list[datetime] = []
    while True:
        claims = await world.store.dispatch.claim(100)
        moments += [world.clock.now()] * len(claims.calls)
        if claims.calls:
            await world.send(claims.calls)
            await world.apply(*map(ended, claims.calls))
        elif claims.next_due_at is None or claims.next_due_at >= until:
            return moments
        else:
            world.clock.move_to(claims.next_due_at)


async def test_the_calls_of_each_day_are_spread_over_its_hours(world: World) -> None:
    await world.batch(6, pacing=SPREAD, max_calls_per_day=4, calling_hours=OFFICE)
    moments = await dial_all(world, START + timedelta(days=3))
    tomorrow = START + timedelta(days=1)
    assert moments == [
        *(START + n * 2 * HOUR for n in range(4)),
        tomorrow,
        tomorrow + 4 * HOUR,
    ]


async def test_a_claim_takes_one_slot_of_the_day_and_tells_when_the_next_is(world: World) -> None:
    batch_id = await world.batch(8, pacing=SPREAD, max_calls_per_day=8, calling_hours=OFFICE)
    await world.sending()
    assert (await world.get(batch_id)).counts.dialing == 1
    claims = await world.store.dispatch.claim(10)
    assert (claims.calls, claims.next_due_at) == ((), START + HOUR)


async def test_claims_before_anything_is_sent_take_no_slot_twice(world: World) -> None:
    await world.batch(8, pacing=SPREAD, max_calls_per_day=8, calling_hours=OFFICE)
    groups = await asyncio.gather(*(world.claim() for _ in range(4)))
    assert sum(map(len, groups)) == 1


async def test_a_new_cap_spreads_what_is_left_anew(world: World) -> None:
    batch_id = await world.batch(50, pacing=SPREAD, max_calls_per_day=2, calling_hours=OFFICE)
    await world.sending()
    world.advance(hours=2)
    assert await world.claim() == []
    await world.edit(batch_id, max_calls_per_day=7)
    await world.sending()
    # Six were left for six hours, and one of them has just gone.
    assert (await world.store.dispatch.claim(1)).next_due_at == START + 3 * HOUR


async def test_people_who_are_added_are_spread_with_the_others(world: World) -> None:
    batch_id = await world.batch(2, pacing=SPREAD, max_calls_per_day=100, calling_hours=OFFICE)
    await world.sending()
    await world.add(batch_id, 7)
    await world.sending()
    assert (await world.store.dispatch.claim(1)).next_due_at == START + HOUR


async def test_it_is_as_fast_as_it_may_be_again_when_that_is_said(world: World) -> None:
    batch_id = await world.batch(5, pacing=SPREAD, max_calls_per_day=3, calling_hours=OFFICE)
    await world.sending()
    await world.edit(batch_id, pacing=Pacing.AS_FAST_AS_POSSIBLE)
    assert len(await world.sending()) == 2


async def test_beside_it_other_batches_go_on(world: World) -> None:
    await world.batch(5, pacing=SPREAD, max_calls_per_day=5, calling_hours=OFFICE)
    await world.batch(5)
    assert len(await world.sending()) == 6


async def test_an_explanation_names_the_next_slot(world: World) -> None:
    batch_id = await world.batch(4, pacing=SPREAD, max_calls_per_day=4, calling_hours=OFFICE)
    await world.sending()
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    verdict = batch_verdict(standing, batch_answers(standing))
    assert verdict.blocking is not None
    assert verdict.blocking.gate == "pace"
    assert verdict.next_at == datetime(2026, 3, 2, 11, tzinfo=UTC)
