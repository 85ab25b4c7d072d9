"""Windows that are too short for their people, and rehearsals, on both databases."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from outdial_server.domain.batch import Batch
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.errors import InvalidFieldsError, NotFoundError, Reason
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.domain.window_estimate import LengthSource, WindowCheck, WindowEstimate
from outdial_server.ports.intake import StoredRows
from support.clock import START
from support.stores import NO_ID, World, bring_in, edit_of, ended, new_rows

REFUSE, WARN = WindowCheck.REFUSE, WindowCheck.WARN
MINUTE = timedelta(minutes=1)


def short_by(error: InvalidFieldsError) -> tuple[str, str, str | None]:
    assert error.reason is Reason.WINDOW_TOO_SHORT
    return error.violations[0].field, error.metadata["calls"], error.metadata["estimate_seconds"]


async def estimated(world: World, people: int = 10, **values: Any) -> WindowEstimate:
    return await world.store.intake.estimate_window(world.new_batch(**values), people)


async def rehearsed(
    world: World, rows: Sequence[NewScheduledCall] = (), **values: Any
) -> StoredRows:
    async with world.store.intake.rehearse_batch(world.new_batch(**values)) as staging:
        return await bring_in(staging, rows, None)


async def counted(world: World) -> list[int]:
    """What is in the tables that lists go into."""
    tables = ("batches", "scheduled_calls", "slots", "events", "requests")
    return [(await world.sql(f"SELECT COUNT(*) FROM {table}"))[0][0] for table in tables]


async def test_a_batch_whose_window_is_too_short_is_not_made(world: World) -> None:
    before = await counted(world)
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.batch(
            11,
            window_check=REFUSE,
            window_end=world.later(minutes=10),
            max_concurrent_calls=1,
            expected_call_duration=MINUTE,
        )
    assert short_by(refusal.value) == ("batch.window_end", "11", "601")
    assert refusal.value.metadata["earliest_window_end"] == "2026-03-02T09:11:01Z"
    assert await counted(world) == before
    await world.batch(
        11,
        window_check=REFUSE,
        window_end=world.later(minutes=11, seconds=1),
        max_concurrent_calls=1,
        expected_call_duration=MINUTE,
    )


async def test_with_warn_it_is_made_and_says_so_until_the_window_is_longer(world: World) -> None:
    stored = await world.create(
        11,
        window_end=world.later(minutes=5),
        max_concurrent_calls=1,
        expected_call_duration=MINUTE,
    )
    assert stored.batch.schedule_warning == "WINDOW_TOO_SHORT"
    assert stored.estimate is not None
    assert not stored.estimate.fits
    batch_id = stored.batch.batch_id
    assert (await world.get(batch_id)).schedule_warning == "WINDOW_TOO_SHORT"
    longer = await world.edit(batch_id, window_end=world.later(minutes=15))
    assert longer.schedule_warning == ""
    shorter = await world.edit(batch_id, window_end=world.later(minutes=5))
    assert shorter.schedule_warning == "WINDOW_TOO_SHORT"
    assert (await world.edit(batch_id, window_end=None)).schedule_warning == ""


async def test_a_change_that_makes_it_too_short_changes_nothing(world: World) -> None:
    batch_id = await world.batch(
        10, window_check=REFUSE, window_end=world.later(minutes=5), expected_call_duration=MINUTE
    )
    before = await world.get(batch_id)
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.edit(batch_id, max_concurrent_calls=1)
    assert short_by(refusal.value) == ("batch.window_end", "10", "541")
    assert await world.get(batch_id) == before
    # What the window has nothing to do with may be changed whenever.
    world.advance(minutes=4, seconds=59)
    assert (await world.edit(batch_id, display_name="Late")).settings.display_name == "Late"


async def test_people_who_do_not_fit_in_any_more_are_not_added(world: World) -> None:
    batch_id = await world.batch(
        5,
        window_check=REFUSE,
        window_end=world.later(minutes=5),
        max_concurrent_calls=1,
        expected_call_duration=MINUTE,
    )
    before = await counted(world)
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.add(batch_id, 1)
    assert short_by(refusal.value) == ("scheduled_calls", "6", "301")
    assert await counted(world) == before


@pytest.mark.parametrize(("slots", "reserved", "of_agent"), [(4, 2, None), (9, 0, 2)])
async def test_the_fewest_slots_of_any_scope_count(
    world: World, slots: int, reserved: int, of_agent: int | None
) -> None:
    account_id = await world.new_account(slots, reserved)
    agent_id = await world.new_agent("Bo", of_agent, account_id)
    found = await estimated(
        world, account_id=account_id, agent_id=agent_id, expected_call_duration=MINUTE
    )
    assert found.slots == 2
    assert found.last_start_at == START + 4 * MINUTE


async def test_a_throttle_counts(world: World) -> None:
    fields = ThrottleFields("slow", (ThrottleRule(2, MINUTE),))
    throttle = await world.store.throttles.create_throttle(
        world.account_id, world.ids.new_id(), fields
    )
    found = await estimated(world, throttle=throttle.throttle_id)
    assert found.last_start_at == START + 4 * MINUTE


async def test_a_carrier_config_counts_by_its_rate_and_its_slots(world: World) -> None:
    fields = CarrierConfigFields("main", 5, 0.5)
    config = await world.store.carrier_configs.create_carrier_config(
        world.account_id, CarrierConfigId(world.ids.new_id()), "simulated", fields, CarrierRates({})
    )
    named = {"carrier_config": config.carrier_config_id}
    second = timedelta(seconds=1)
    found = await estimated(world, **named, expected_call_duration=second)
    assert found.slots == 5
    assert found.last_start_at == START + 18 * second
    slower = await estimated(world, **named, expected_call_duration=MINUTE)
    assert slower.last_start_at == START + 108 * second


async def test_how_long_calls_take_is_learned_from_those_that_ended(world: World) -> None:
    assert (await estimated(world)).expected.source is LengthSource.DEFAULT
    await world.batch(20)
    calls = await world.sending()
    world.advance(seconds=7)
    await world.apply(*map(ended, calls))
    found = (await estimated(world)).expected
    assert found.source is LengthSource.HISTORY
    assert found.length == timedelta(seconds=7)
    given = (await estimated(world, expected_call_duration=MINUTE)).expected
    assert (given.source, given.length) == (LengthSource.GIVEN, MINUTE)


async def test_the_default_is_no_longer_than_a_call_can_be(world: World) -> None:
    short = {"ring_timeout": timedelta(seconds=5), "max_call_duration": timedelta(seconds=10)}
    assert (await estimated(world, **short)).expected.length == timedelta(seconds=15)
    assert (await estimated(world)).expected.length == timedelta(minutes=2)


async def test_a_rehearsal_answers_as_the_batch_would_and_leaves_nothing(world: World) -> None:
    rows = [*new_rows(3), *new_rows(1)]
    before = await counted(world)
    stored = await rehearsed(world, rows, window_end=world.later(hours=1))
    assert (stored.batch.counts.total, stored.batch.counts.waiting) == (4, 4)
    assert stored.duplicate_count == 1
    assert stored.estimate is not None
    assert stored.estimate.fits
    assert await counted(world) == before
    with pytest.raises(NotFoundError):
        await world.get(stored.batch.batch_id)
    assert await world.claim() == []


async def test_a_rehearsal_refuses_what_would_be_refused(world: World) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        await rehearsed(
            world,
            new_rows(10),
            window_check=REFUSE,
            window_end=world.later(minutes=5),
            max_concurrent_calls=1,
            expected_call_duration=MINUTE,
        )
    assert short_by(refusal.value)[1:] == ("10", "541")
    with pytest.raises(NotFoundError):
        await rehearsed(world, new_rows(1), throttle=NO_ID)


async def test_a_list_to_add_is_rehearsed_beside_what_is_there(world: World) -> None:
    batch_id = await world.batch(3)
    before = await counted(world)
    async with world.store.intake.rehearse_append(world.account_id, batch_id) as staging:
        stored = await bring_in(staging, new_rows(2, 2), None)
    assert stored.batch.counts.total == 5
    assert stored.duplicate_count == 1
    assert await counted(world) == before
    assert len(await world.sending()) == 3


async def test_a_list_is_not_rehearsed_for_a_batch_that_is_over(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with world.store.intake.rehearse_append(world.account_id, world.new_batch().batch_id):
            raise AssertionError("there is no such batch")


async def test_a_change_is_rehearsed(world: World) -> None:
    batch_id = await world.batch(3)
    before = await world.get(batch_id)
    changed: Batch = await world.store.batches.rehearse_change(
        world.account_id, batch_id, edit_of(display_name="Another")
    )
    assert changed.settings.display_name == "Another"
    assert changed.revision == before.revision + 1
    assert await world.get(batch_id) == before
