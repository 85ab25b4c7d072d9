"""Batches that are dialled through one carrier config share its slots."""

from outdial_server.domain.report import CallReport, ReportKind
from support.carrier_configs import change_config, gates, make_config, read_config
from support.invariants import check_invariants
from support.stores import World, ended, not_sent


async def test_batches_of_one_config_share_its_slots(world: World) -> None:
    made = await make_config(world, 4)
    batches = [await world.batch(5, carrier_config="main") for _ in range(2)]
    free = await world.batch(3)
    calls = await world.live()
    by_batch = [sum(call.batch_id == batch_id for call in calls) for batch_id in [*batches, free]]
    assert by_batch == [2, 2, 3]
    assert (await read_config(world, made)).active_calls == 4
    answer = (await gates(world, batches[0]))["slots_carrier_config"]
    assert (answer.reason, answer.figures) == ("NO_FREE_SLOT", {"used": 4, "cap": 4})
    await world.apply(ended(calls[0]))
    assert (await read_config(world, made)).active_calls == 3
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_a_raised_limit_makes_room_and_a_lowered_one_waits(world: World) -> None:
    made = await make_config(world, 2)
    await world.batch(6, carrier_config="main")
    calls = await world.live()
    await change_config(world, made, 3)
    calls += await world.live()
    assert len(calls) == 3
    await change_config(world, made, 1)
    await world.apply(ended(calls[0]), ended(calls[1]))
    assert await world.claim() == []
    await world.apply(ended(calls[2]))
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_a_call_keeps_the_config_that_it_was_made_with(world: World) -> None:
    first, second = await make_config(world), await make_config(world, name="second")
    batch_id = await world.batch(3, carrier_config="main")
    await world.live(1)
    (waiting,) = await world.claim(1)
    await world.edit(batch_id, carrier_config="second")
    assert [(await read_config(world, config)).active_calls for config in (first, second)] == [2, 0]
    # Claimed under the old settings: given back, and claimed again with the new ones.
    assert (await world.send([waiting])).given_back == 1
    await world.live()
    assert [(await read_config(world, config)).active_calls for config in (first, second)] == [1, 2]
    await check_invariants(world.store)


async def test_whatever_frees_a_slot_frees_that_of_the_config(world: World) -> None:
    made = await make_config(world, 5)
    await world.batch(5, carrier_config="main")
    _, lost, unknown, answered, turned_away = await world.claim()
    await world.send([lost, unknown, answered, turned_away])
    await world.apply(
        not_sent(turned_away),
        ended(answered),
        CallReport(unknown.call_id, ReportKind.UNCLEAR, fence=unknown.fence),
    )
    assert (await read_config(world, made)).active_calls == 3
    world.advance(minutes=1)
    # Of two leases that ran out one is given back, and the other is unknown.
    await world.store.dispatch.reap()
    assert (await read_config(world, made)).active_calls == 2
    await world.apply(
        *(CallReport(call.call_id, ReportKind.PRESUMED_ENDED) for call in (lost, unknown))
    )
    assert (await read_config(world, made)).active_calls == 0
    assert list(await world.store.dispatch.audit_slots()) == []
    await check_invariants(world.store)
