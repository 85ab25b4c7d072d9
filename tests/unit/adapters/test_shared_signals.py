"""Signals of a server among several: what the others are told, and what they are not."""

import asyncio

from outdial_server.adapters.shared_signals import SharedSignals
from outdial_server.domain.ids import BatchId
from outdial_server.ports.signals import ANY_BATCH, EVERYTHING, Hint, Topic
from support.clock import ManualClock, settle

BATCH = BatchId("a")
OTHER = BatchId("b")


def signals() -> SharedSignals:
    clock = ManualClock()
    return SharedSignals(clock, clock)


async def is_silent(here: SharedSignals) -> bool:
    """Whether there is nothing to tell."""
    asking = asyncio.create_task(here.next_hint())
    await settle()
    asking.cancel()
    return not asking.done()


async def test_all_that_happens_between_two_hints_is_told_in_one() -> None:
    here = signals()
    here.wake(Topic.CLAIM)
    here.publish([BATCH])
    here.publish([OTHER, BATCH])
    assert await here.next_hint() == Hint(frozenset({Topic.CLAIM}), frozenset({BATCH, OTHER}))
    assert await is_silent(here)


async def test_who_waits_for_a_hint_is_given_it_at_once() -> None:
    here = signals()
    asking = asyncio.create_task(here.next_hint())
    await settle()
    here.publish([BATCH])
    await settle()
    assert asking.result() == Hint(batch_ids=frozenset({BATCH}))


async def test_what_is_of_this_process_alone_is_not_told() -> None:
    here = signals()
    here.wake(Topic.SEND, Topic.REPORT, Topic.SETTLE)
    here.publish([])
    here.rouse(BATCH)
    here.follow_all(follows=True)
    assert await is_silent(here)
    # The deliverer of each server knows for itself whether there is anybody to tell.
    here.publish([BATCH])
    assert (await here.next_hint()).topics == frozenset()


async def test_a_hint_wakes_loops_and_followers_and_is_not_told_again() -> None:
    here = signals()
    seen = here.revision(BATCH), here.revision(ANY_BATCH), here.revision(OTHER)
    claims = asyncio.create_task(here.wait(Topic.CLAIM, None))
    follows = asyncio.create_task(here.wait_changed(BATCH, seen[0], None))
    await settle()
    here.take_in(Hint(frozenset({Topic.CLAIM}), frozenset({BATCH})))
    await settle()
    assert claims.done()
    assert follows.done()
    assert here.revision(ANY_BATCH) != seen[1]
    assert here.revision(OTHER) == seen[2]
    assert await is_silent(here)


async def test_a_hint_of_a_batch_wakes_the_deliverer_where_there_is_somebody_to_tell() -> None:
    here = signals()
    delivers = asyncio.create_task(here.wait(Topic.DELIVER, None))
    await settle()
    here.take_in(Hint(batch_ids=frozenset({BATCH})))
    await settle()
    assert not delivers.done()
    here.follow_all(follows=True)
    here.take_in(Hint(batch_ids=frozenset({BATCH})))
    await delivers


async def test_more_batches_than_can_be_told_are_everything() -> None:
    here, there = signals(), signals()
    for n in range(1000):
        here.publish([BatchId(str(n))])
    hint = await here.next_hint()
    assert hint == EVERYTHING
    seen = there.revision(BATCH), there.revision(ANY_BATCH)
    there.take_in(hint)
    assert there.revision(BATCH) != seen[0]
    assert there.revision(ANY_BATCH) != seen[1]
    here.publish([BATCH])
    assert await here.next_hint() == Hint(batch_ids=frozenset({BATCH})), "and then begins anew"
