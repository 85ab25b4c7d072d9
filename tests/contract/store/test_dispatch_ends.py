"""Since when nobody of a batch is left to dispatch: it is known before the batch ends."""

import runpy
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import BatchId
from outdial_server.domain.report import ReportKind
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.storage import migrations
from support.invariants import check_invariants
from support.stores import World, accepted, ended, not_sent, refused, report, ringing, unclear


async def dispatched_at(world: World, batch_id: BatchId) -> datetime | None:
    await check_invariants(world.store)
    return (await world.get(batch_id)).dispatch_ended_at


async def test_it_is_the_moment_at_which_the_last_call_was_taken(world: World) -> None:
    batch_id = await world.batch(3)
    first, second, third = await world.sending()
    await world.apply(accepted(first), refused(second))
    assert await dispatched_at(world, batch_id) is None
    world.advance(seconds=3)
    await world.apply(accepted(third))
    taken_at = world.clock.now()
    assert await dispatched_at(world, batch_id) == taken_at
    world.advance(minutes=1)
    await world.apply(ended(first), ended(third))
    over = await world.get(batch_id)
    assert (over.dispatch_ended_at, over.ended_at) == (taken_at, world.clock.now())


async def test_an_unknown_call_is_left_until_it_is_known(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(unclear(call))
    assert await dispatched_at(world, batch_id) is None
    world.advance(seconds=9)
    await world.apply(report(call, ReportKind.RINGING))
    assert await dispatched_at(world, batch_id) == world.clock.now()


async def test_who_was_given_back_is_left(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    assert await dispatched_at(world, batch_id) is None


async def test_those_who_are_settled_are_left_no_more(world: World) -> None:
    cancelled = await world.batch(2)
    expired = await world.batch(2, window_end=world.later(minutes=1))
    live = await world.live(1)
    await world.change(cancelled, rules.cancel)
    assert await dispatched_at(world, cancelled) is None
    world.advance(minutes=2)
    await world.store.dispatch.move_windows()
    await world.settle_all()
    for batch_id in (cancelled, expired):
        assert await dispatched_at(world, batch_id) == world.clock.now()
    (alive,) = {call.batch_id for call in live}
    assert (await world.get(alive)).ended_at is None


async def test_who_is_taken_out_by_hand_is_left_no_more(world: World) -> None:
    batch_id = await world.batch(1, draft=True)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    assert await dispatched_at(world, batch_id) == world.clock.now()


async def test_a_batch_of_nobody_has_nobody_left_when_it_ends(world: World) -> None:
    batch_id = await world.batch(0, draft=True)
    assert await dispatched_at(world, batch_id) is None
    world.advance(seconds=1)
    await world.change(batch_id, rules.cancel)
    assert await dispatched_at(world, batch_id) == world.clock.now()


async def test_those_who_are_added_are_left(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.live()
    assert await dispatched_at(world, batch_id) is not None
    await world.add(batch_id, 1)
    assert await dispatched_at(world, batch_id) is None
    world.advance(seconds=5)
    await world.apply(ended(call))
    await world.live()
    assert await dispatched_at(world, batch_id) == world.clock.now()


@pytest.mark.parametrize("was_taken", [True, False])
async def test_who_is_retried_is_left_unless_a_carrier_has_taken_the_call(
    world: World, *, was_taken: bool
) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(ended(call, Disposition.BUSY) if was_taken else refused(call))
    before = await dispatched_at(world, batch_id)
    assert before == (await world.get(batch_id)).ended_at
    world.advance(seconds=5)
    await world.retry(batch_id)
    assert (await world.get(batch_id)).state is BatchState.RUNNING
    assert await dispatched_at(world, batch_id) == (before if was_taken else None)


async def test_a_try_of_the_policy_leaves_nobody_whom_a_carrier_has_taken(world: World) -> None:
    busy = RetryRule(Disposition.BUSY, FixedDelays((timedelta(minutes=5),)))
    batch_id = await world.batch(1, retry_policy=RetryPolicy((busy,)))
    (call,) = await world.live()
    taken_at = await dispatched_at(world, batch_id)
    world.advance(seconds=5)
    await world.apply(ended(call, Disposition.BUSY))
    assert await dispatched_at(world, batch_id) == taken_at
    assert (await world.get(batch_id)).counts.waiting == 1


async def test_batches_from_before_are_counted_when_they_are_brought_up_to_date(
    world: World,
) -> None:
    """All that a row can be: each batch says the same as if it had been counted all along."""
    busy = RetryRule(Disposition.BUSY, FixedDelays((timedelta(minutes=5),)))
    mixed = await world.batch(9, retry_policy=RetryPolicy((busy,)))
    calls = await world.sending(8)
    await world.apply(
        accepted(calls[0]),
        ended(calls[1], Disposition.BUSY),
        ended(calls[2], Disposition.FAILED),
        refused(calls[3]),
        not_sent(calls[4]),
        unclear(calls[5]),
        ringing(calls[6]),
    )
    taken = await world.batch(1)
    await world.apply(*(accepted(call) for call in await world.sending(20)))
    over = await world.batch(1, draft=True)
    await world.change(over, rules.cancel)
    batches = (mixed, taken, over)
    counted = [(await world.get(batch_id)).counts for batch_id in batches]
    await world.execute("UPDATE batches SET undispatched = 0, dispatch_ended_us = NULL")
    (versions,) = migrations.__path__
    migration = runpy.run_path(str(Path(versions, "versions", "0058_dispatch_ends.py")))
    for statement in migration["OF_BATCHES_FROM_BEFORE"]:
        await world.execute(statement)
    await check_invariants(world.store)
    assert [(await world.get(batch_id)).counts for batch_id in batches] == counted
