"""Calls that a carrier has taken and not dialled: which are found, and that whoever is taken back
waits, or ends as the rules say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.number_rules import NumberRules
from outdial_server.domain.report import CallReport
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.carrier_queues import QueuedCall
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import World, ended, new_row, ringing

CANCELLED = Disposition.CANCELLED
WAITING, EXPIRED = ScheduledCallState.WAITING, ScheduledCallState.EXPIRED


async def queued(world: World, *carriers: str) -> Sequence[QueuedCall]:
    return await world.store.carrier_queues.queued_calls(carriers or ("simulated",), 100)


async def take_back(world: World) -> list[str]:
    calls = await queued(world)
    for call in calls:
        await world.store.carrier_queues.note_recall(call)
    return [call.query.call_id for call in calls]


def cancelled(call: ClaimedCall, *, rang: bool = False) -> CallReport:
    """As the carrier has it on record."""
    return ended(call, CANCELLED)._replace(rang=rang)


async def only(world: World) -> ClaimedCall:
    (call,) = await world.live()
    world.advance(seconds=10)
    return call


async def test_calls_that_were_taken_and_do_not_ring_are_found_by_their_carrier(
    world: World,
) -> None:
    await world.batch(3)
    calls = await world.live()
    assert await queued(world) == []
    world.advance(seconds=10)
    await world.apply(ringing(calls[0]))
    found = await queued(world)
    assert [call.query.call_id for call in found] == [call.call_id for call in calls[1:]]
    assert not any(call.is_unwanted or call.is_recalled for call in found)
    assert await queued(world, "elsewhere") == []


@pytest.mark.parametrize("stop", [rules.pause, rules.cancel, rules.delete])
async def test_those_of_a_batch_that_was_stopped_are_not_wanted(world: World, stop: object) -> None:
    batch_id = await world.batch()
    await only(world)
    await world.change(batch_id, stop)  # type: ignore[arg-type]
    (call,) = await queued(world)
    assert call.is_unwanted
    await take_back(world)
    (call,) = await queued(world)
    assert call.is_recalled
    world.advance(seconds=31)
    (call,) = await queued(world)
    assert not call.is_recalled, "a carrier that did nothing is asked again"


async def test_a_paused_batch_has_its_people_back(world: World) -> None:
    batch_id = await world.batch()
    call = await only(world)
    await world.change(batch_id, rules.pause)
    assert await take_back(world) == [call.call_id]
    await world.apply(ended(call, CANCELLED))
    assert await world.call_state(call) is CallState.ACCEPTED, "it may have rung: its record tells"
    await world.apply(cancelled(call))
    row = await world.row(batch_id)
    assert (row.state, row.ended_at) == (WAITING, None)
    counts = (await world.get(batch_id)).counts
    assert (counts.waiting, counts.dialing, counts.failed) == (1, 0, 0)
    assert await world.used() == (0, 0)
    assert await world.claim() == []

    await world.change(batch_id, rules.resume)
    (again,) = await world.sending()
    assert again.call_id != call.call_id, "old news is none of the new call"
    await world.apply(ended(call), ended(call, CANCELLED))
    assert await world.call_state(again) is CallState.SENDING
    await world.apply(ended(again))
    batch = await world.get(batch_id)
    assert (batch.state, batch.counts.dispatch_accepted) == (BatchState.COMPLETED, 1)
    await check_invariants(world.store)


async def test_after_the_window_they_expire_and_after_a_cancel_they_are_cancelled(
    world: World,
) -> None:
    closing = await world.batch(window_end=world.later(seconds=5))
    stopped = await world.batch([new_row(7)])
    calls = await world.live()
    await world.change(stopped, rules.cancel)
    world.advance(seconds=10)
    await world.store.dispatch.move_windows()
    assert len(await take_back(world)) == 2
    await world.apply(*(cancelled(call) for call in calls))
    await world.store.dispatch.move_windows()
    await world.settle_all()
    assert (await world.row(closing)).state is EXPIRED
    assert (await world.row(stopped)).state is ScheduledCallState.CANCELLED
    assert (await world.get(closing)).state is BatchState.COMPLETED
    assert (await world.get(stopped)).state is BatchState.CANCELLED
    await check_invariants(world.store)


async def test_when_the_hours_close_they_wait_for_the_next_day(world: World) -> None:
    now = world.clock.now()
    minute = now.hour * 60 + now.minute
    hours = CallingHours(EVERY_DAY, minute, minute + 1)
    batch_id = await world.batch(calling_hours=hours)
    (call,) = await world.live()
    world.advance(seconds=30)
    (found,) = await queued(world)
    assert not found.is_unwanted
    world.advance(seconds=30)
    (found,) = await queued(world)
    assert found.is_unwanted
    await take_back(world)
    await world.apply(cancelled(call))
    claims = await world.store.dispatch.claim(9)
    assert (claims.calls, claims.next_due_at) == ((), now + timedelta(days=1))
    assert (await world.row(batch_id)).state is WAITING
    await check_invariants(world.store)


async def test_one_that_rang_before_it_could_be_dropped_is_not_called_again(
    world: World,
) -> None:
    batch_id = await world.batch()
    call = await only(world)
    await world.change(batch_id, rules.pause)
    await take_back(world)
    await world.apply(cancelled(call), ringing(call))
    assert (await world.row(batch_id)).state is ScheduledCallState.FAILED
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    await check_invariants(world.store)


async def test_one_whose_phone_rang_as_it_was_cancelled_is_not_called_again(world: World) -> None:
    batch_id = await world.batch()
    call = await only(world)
    await world.change(batch_id, rules.pause)
    await take_back(world)
    # The carrier tells of the ringing too late, or never.
    await world.apply(ended(call, CANCELLED))
    await world.apply(cancelled(call, rang=True))
    await world.apply(ringing(call))
    assert (await world.row(batch_id)).state is ScheduledCallState.FAILED
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    await check_invariants(world.store)


async def test_who_never_rang_was_not_called_by_the_rules_for_numbers(world: World) -> None:
    await world.store.accounts.change_account(
        world.account_id,
        lambda account: replace(account, number_rules=NumberRules(timedelta(hours=1), 1)),
    )
    batch_id = await world.batch(2)
    calls = await world.live()
    world.advance(seconds=10)
    await world.change(batch_id, rules.pause)
    await take_back(world)
    await world.apply(cancelled(calls[0]), ended(calls[1], Disposition.NO_ANSWER))
    await world.change(batch_id, rules.resume)
    assert [call.address for call in await world.sending()] == [calls[0].address]
    await check_invariants(world.store)


async def test_a_queue_at_the_carrier_slows_its_account(world: World) -> None:
    config = await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        "simulated",
        CarrierConfigFields("main", calls_per_second=8),
        CarrierRates({}),
    )
    await world.batch(carrier_config="main")
    await world.batch([new_row(1)])
    assert len(await world.live()) == 2
    world.advance(seconds=10)
    for call in await queued(world):
        await world.store.carrier_queues.note_queue(call)
        # Told twice of the same call, it falls once.
        await world.store.carrier_queues.note_queue(call)
    found = await world.store.carrier_configs.get_carrier_config(
        world.account_id, config.carrier_config_id
    )
    assert found.paced_rate == 4
    assert len(await world.sql("SELECT owner FROM troubles")) == 1
