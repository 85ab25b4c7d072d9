"""Daily caps, on both databases: never exceeded on any date of the batch's zone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.report import Fault
from outdial_server.storage.stores.batches import SqlBatches
from outdial_server.storage.verbs.daily_counts import CountedDials
from support.clock import START
from support.stores import World, ended, new_rows, not_sent, refused, unclear

# START is 09:00 UTC on Monday 2 March: 22:00 in Auckland.
AUCKLAND = "Pacific/Auckland"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_only_so_many_go_in_a_day_and_the_next_at_midnight(world: World) -> None:
    await world.batch(7, max_calls_per_day=3, time_zone=AUCKLAND)
    calls = await world.sending()
    assert len(calls) == 3
    await world.apply(*map(ended, calls))
    claims = await world.store.dispatch.claim(10)
    assert claims.calls == ()
    assert claims.next_due_at == at("2026-03-02 11:00")
    world.clock.move_to(at("2026-03-02 11:00"))
    assert len(await world.sending()) == 3


async def test_the_next_day_begins_with_the_hours(world: World) -> None:
    hours = CallingHours(EVERY_DAY, 8 * 60, 18 * 60)
    await world.batch(3, max_calls_per_day=1, calling_hours=hours)
    await world.sending()
    claims = await world.store.dispatch.claim(10)
    assert claims.next_due_at == at("2026-03-03 08:00")


async def test_retries_count(world: World) -> None:
    batch_id = await world.batch(1, max_calls_per_day=2)
    for _ in range(2):
        (call,) = await world.sending()
        await world.apply(refused(call))
        await world.retry(batch_id)
    assert await world.claim() == []
    world.advance(days=1)
    assert len(await world.sending()) == 1


async def test_who_was_not_sent_gives_the_count_back(world: World) -> None:
    batch_id = await world.batch(3, max_calls_per_day=2)
    first, second = await world.sending()
    await world.apply(not_sent(first), unclear(second))
    assert (await world.get(batch_id)).dials_on_day == 1
    # Late, and from the dialler itself: it never left.
    await world.apply(not_sent(second))
    assert (await world.get(batch_id)).dials_on_day == 0
    world.advance(minutes=5)
    assert len((await world.send(await world.claim())).calls) == 2
    assert await world.claim() == []


async def test_a_carrier_that_is_not_configured_uses_up_nothing(world: World) -> None:
    batch_id = await world.batch(2, max_calls_per_day=1)
    (call,) = await world.sending()
    await world.apply(refused(call, Fault.CONFIGURATION))
    assert (await world.get(batch_id)).dials_on_day == 0


async def test_what_was_sent_yesterday_gives_back_nothing_today(world: World) -> None:
    world.clock.move_to(at("2026-03-02 23:59"))
    batch_id = await world.batch(4, max_calls_per_day=2)
    late, _ = await world.sending()
    world.clock.move_to(at("2026-03-03 00:00"))
    assert len(await world.sending()) == 2
    await world.apply(not_sent(late))
    assert (await world.get(batch_id)).dials_on_day == 2


async def test_of_claims_beyond_the_cap_the_rest_is_given_back(world: World) -> None:
    batch_id = await world.batch(6, max_calls_per_day=4)
    # Nothing is counted before the write, so that both claims see the whole day.
    calls = [*await world.claim(3), *await world.claim(3)]
    sent = await world.send(calls)
    assert (len(sent.calls), sent.given_back) == (4, 2)
    assert list(sent.calls) == calls[:4]
    assert await world.claim() == []
    assert (await world.get(batch_id)).counts.waiting == 2


async def test_a_batch_without_a_cap_in_the_same_group_goes_whole(world: World) -> None:
    await world.batch(3, max_calls_per_day=1)
    await world.batch(3)
    calls = await world.claim()
    assert len(calls) == 4
    assert len((await world.send(calls)).calls) == 4


async def test_a_cap_set_in_the_middle_of_a_day_counts_what_has_gone(world: World) -> None:
    batch_id = await world.batch(6)
    await world.sending(3)
    await world.edit(batch_id, max_calls_per_day=4)
    assert len(await world.sending()) == 1
    await world.edit(batch_id, max_calls_per_day=5)
    assert len(await world.sending()) == 1


async def test_a_cap_in_another_zone_counts_the_day_of_that_zone(world: World) -> None:
    batch_id = await world.batch(6, max_calls_per_day=2, time_zone=AUCKLAND)
    assert len(await world.sending()) == 2
    world.clock.move_to(at("2026-03-02 11:00"))
    assert len(await world.sending()) == 2
    # In UTC it is still the day of all four.
    await world.edit(batch_id, time_zone="UTC", max_calls_per_day=5)
    assert len(await world.sending()) == 1
    assert (await world.get(batch_id)).dials_on_day == 5


async def test_what_goes_and_what_was_not_sent_while_the_calls_are_counted_is_seen_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader counts, and others write until the writer's turn comes."""
    batch_id = await world.batch(9)
    first, second, third, _ = await world.sending(4)
    await world.apply(ended(third))
    read = type(world.store.database).read
    is_counting = False

    async def read_and_let_others_write(database: Any, verb: Any) -> Any:
        nonlocal is_counting
        answer = await read(database, verb)
        if isinstance(answer, CountedDials) and not is_counting:
            is_counting = True
            await world.apply(not_sent(first), ended(second))
            await world.apply(not_sent((await world.sending(2))[0]))
            is_counting = False
        return answer

    monkeypatch.setattr(type(world.store.database), "read", read_and_let_others_write)
    await world.edit(batch_id, max_calls_per_day=6)
    gone = await world.sql("SELECT COUNT(*) FROM calls WHERE sent_us IS NOT NULL")
    assert [(await world.get(batch_id)).dials_on_day] == [n for (n,) in gone] == [4]
    world.advance(minutes=1)
    assert len(await world.sending()) == 2


async def test_a_day_that_ends_while_the_calls_are_counted_is_not_the_one_that_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await world.batch(6)
    await world.sending(3)
    read = type(world.store.database).read
    midnights = [at("2026-03-03 00:00")]

    async def read_until_midnight(database: Any, verb: Any) -> Any:
        answer = await read(database, verb)
        if isinstance(answer, CountedDials) and midnights:
            world.clock.move_to(midnights.pop())
        return answer

    monkeypatch.setattr(type(world.store.database), "read", read_until_midnight)
    await world.edit(batch_id, max_calls_per_day=2)
    assert (await world.get(batch_id)).dials_on_day == 0
    assert len(await world.sending()) == 2


async def test_a_change_that_needs_no_count_is_not_begun_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await world.batch(3, max_calls_per_day=2)
    await world.sending(2)
    monkeypatch.setattr(SqlBatches, "_count_dials", None)
    await world.edit(batch_id, max_calls_per_day=3, weight=7)
    assert len(await world.sending()) == 1


async def test_a_claim_from_before_a_cap_was_set_is_given_back(world: World) -> None:
    batch_id = await world.batch(3)
    calls = await world.claim()
    await world.edit(batch_id, max_calls_per_day=1)
    assert (await world.send(calls)).calls == ()
    assert len(await world.sending()) == 1


async def test_many_at_once_never_exceed_it(world: World) -> None:
    batch_id = await world.batch(new_rows(60), max_calls_per_day=20)
    gone = 0

    async def dial() -> None:
        nonlocal gone
        for _ in range(10):
            sent = await world.send(await world.claim(7))
            gone += len(sent.calls)

    await asyncio.gather(*(dial() for _ in range(4)))
    batch = await world.get(batch_id)
    assert gone == batch.dials_on_day == 20
    assert batch.counts.dialing == 20
    world.clock.move_to(START + timedelta(days=1))
    await asyncio.gather(*(dial() for _ in range(4)))
    assert gone == 40
