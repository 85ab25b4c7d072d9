"""Calls go through the carrier config of the number that they show, and count in it."""

from datetime import timedelta

import pytest

from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.ids import CarrierConfigId
from support.invariants import check_invariants
from support.numbers import (
    BACK,
    FREE,
    FRONT,
    ROUND_ROBIN,
    SIDE,
    change_number,
    everybody,
    new_number,
    row_answer,
    scope_answer,
    shown,
    three_numbers,
)
from support.stores import World, ended, new_row, new_rows, not_sent

NO_DEFAULTS = CarrierRates({})


async def config(
    world: World,
    name: str = "main",
    carrier: str = "simulated",
    *,
    calls_at_once: int | None = None,
    rate: float | None = None,
) -> CarrierConfigId:
    made = await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        carrier,
        CarrierConfigFields(name, calls_at_once, rate),
        NO_DEFAULTS,
    )
    return made.carrier_config_id


async def alive(world: World, config_id: CarrierConfigId) -> int:
    found = await world.store.carrier_configs.get_carrier_config(world.account_id, config_id)
    return found.active_calls


async def test_each_call_counts_in_the_carrier_config_of_its_number(world: World) -> None:
    small, large = await config(world, "small", calls_at_once=2), await config(world, "large")
    front = await new_number(world, carrier_config="small")
    assert front.fields.carrier_config == small, "it is read back as its id"
    await new_number(world, BACK, carrier_config=large)
    await new_number(world, SIDE)
    rows = [*new_rows(7), new_row(7, caller_id=FREE)]
    await world.create(rows, phone_numbers=(FRONT, BACK, SIDE), rotation=ROUND_ROBIN)
    calls = await everybody(world)
    assert shown(calls) == [FRONT, BACK, SIDE, FRONT, BACK, SIDE, BACK, FREE]
    told = [call.carrier_config and call.carrier_config.config_id for call in calls]
    assert told == [small, large, None, small, large, None, large, None]
    assert (await alive(world, small), await alive(world, large)) == (2, 3)
    await world.apply(*(ended(call) for call in calls))
    assert (await alive(world, small), await alive(world, large)) == (0, 0)
    await check_invariants(world.store)


async def test_numbers_of_one_carrier_config_share_its_calls_at_once(world: World) -> None:
    shared = await config(world, calls_at_once=3)
    await three_numbers(world, carrier_config=shared)
    batch_id = await world.batch(5, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN)
    await world.batch(5, phone_numbers=(SIDE,))
    # Another one is dialled with it whatever number it shows.
    await world.batch(5, carrier_config=shared)
    calls = await everybody(world)
    assert len(calls) == await alive(world, shared) == 3
    answer = await scope_answer(world, batch_id, "numbers")
    assert (answer.reason, answer.waits_for) == ("NUMBERS_ACCOUNTS_FULL", "ANY_CALL_ENDS")
    await world.apply(ended(calls[0]))
    assert len(await everybody(world)) == 1
    await check_invariants(world.store)


async def test_each_number_is_dialled_at_the_rate_of_its_carrier_config(world: World) -> None:
    for name, address in (("one", FRONT), ("two", BACK)):
        await new_number(world, address, carrier_config=await config(world, name, rate=1))
    await world.batch(5, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN)
    assert len(await world.claim()) == 2
    assert await world.claim() == [], "they are left room for until they are sent"


async def test_a_batch_goes_on_when_a_rate_of_its_numbers_has_room_again(world: World) -> None:
    await new_number(world, carrier_config=await config(world, rate=1))
    batch_id = await world.batch(3, phone_numbers=(FRONT,))
    for _ in range(2):
        assert shown(await world.sending()) == [FRONT]
        opens_at = world.clock.now() + timedelta(seconds=1)
        answer = await scope_answer(world, batch_id, "numbers")
        assert (answer.reason, answer.next_at) == ("NUMBERS_ACCOUNTS_FULL", opens_at)
        claims = await world.store.dispatch.claim(100)
        assert (claims.calls, claims.next_due_at) == ((), opens_at)
        world.clock.advance(timedelta(seconds=1))
    await check_invariants(world.store)


async def test_who_is_bound_to_a_number_waits_for_its_rate_and_nobody_else_does(
    world: World,
) -> None:
    await new_number(world, carrier_config=await config(world, rate=1))
    bound = [new_row(n, caller_id=FRONT) for n in range(20)]
    batch_id = (await world.create([*bound, new_row(20)])).batch.batch_id
    assert sorted(shown(await everybody(world))) == ["", FRONT]
    answer = await row_answer(world, batch_id, 5)
    opens_at = world.clock.now() + timedelta(seconds=1)
    assert (answer.reason, answer.next_at) == ("NUMBER_ACCOUNT_FULL", opens_at)
    claims = await world.store.dispatch.claim(100)
    assert (claims.calls, claims.more, claims.next_due_at) == ((), False, opens_at)
    world.clock.advance(timedelta(seconds=1))
    assert shown(await everybody(world)) == [FRONT]
    await check_invariants(world.store)


async def test_the_carrier_config_of_a_batch_comes_before_those_of_numbers(world: World) -> None:
    of_number = await config(world, "number", "elsewhere", calls_at_once=1)
    of_batch = await config(world, "batch")
    await new_number(world, carrier_config=of_number)
    await world.batch(3, phone_numbers=(FRONT,), carrier_config=of_batch)
    assert len(await everybody(world)) == 3
    assert (await alive(world, of_number), await alive(world, of_batch)) == (0, 3)


async def test_a_number_of_another_carrier_is_of_no_use_to_a_batch(world: World) -> None:
    elsewhere = await config(world, carrier="elsewhere")
    front = await new_number(world, carrier_config=elsewhere)
    with pytest.raises(PreconditionError) as refused:
        await world.batch(1, phone_numbers=(FRONT,))
    assert refused.value.reason is Reason.NO_USABLE_NUMBER
    await change_number(world, front)
    batch_id = await world.batch(2, caller_id=FRONT)
    assert shown(await world.sending(1)) == [FRONT]
    await change_number(world, front, carrier_config=elsewhere)
    assert await world.claim() == []
    assert (await scope_answer(world, batch_id, "numbers")).reason == "NO_USABLE_NUMBER"
    await change_number(world, front)
    assert shown(await world.sending()) == [FRONT]


async def test_a_carrier_config_that_a_number_names_is_not_deleted(world: World) -> None:
    used = await config(world)
    front = await new_number(world, carrier_config="main")
    with pytest.raises(PreconditionError) as refused:
        await world.store.carrier_configs.delete_carrier_config(world.account_id, used)
    assert refused.value.reason is Reason.CARRIER_CONFIG_IN_USE
    assert refused.value.metadata == {"batches": "0", "phone_numbers": "1", "calls": "0"}
    with pytest.raises(NotFoundError) as unknown:
        await change_number(world, front, carrier_config="other")
    assert unknown.value.reason is Reason.CARRIER_CONFIG_NOT_FOUND
    await change_number(world, front)
    await world.store.carrier_configs.delete_carrier_config(world.account_id, used)


async def test_a_call_that_was_not_sent_may_be_dialled_with_another_config(world: World) -> None:
    one, two = await config(world, "one"), await config(world, "two")
    front = await new_number(world, carrier_config=one)
    await world.batch(1, phone_numbers=(FRONT,))
    (call,) = await world.sending()
    await change_number(world, front, carrier_config=two)
    await world.apply(not_sent(call))
    assert (await alive(world, one), await alive(world, two)) == (0, 0)
    world.clock.advance(timedelta(minutes=1))
    assert len(await world.claim()) == 1
    assert (await alive(world, one), await alive(world, two)) == (0, 1)
    await check_invariants(world.store)
