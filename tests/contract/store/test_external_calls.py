"""External calls: counted whatever the limits are, and freed by their end or their time."""

import asyncio
from datetime import timedelta

import pytest

from outdial_server.domain import limits
from outdial_server.domain.errors import ExhaustedError, NotFoundError, Reason
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import AgentId, BatchId, CarrierConfigId
from outdial_server.storage.encoding import pack_id
from support.carrier_configs import make_config
from support.invariants import check_invariants
from support.stores import NO_ID, World, all_pages, settled


async def slot_gates(world: World, batch_id: BatchId) -> dict[str, GateAnswer]:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    return {a.gate: a for a in standing.scope_answers if a.gate.startswith("slots_")}


async def free(world: World, limit: int = 100) -> int:
    return (await world.store.dispatch.free_externals(limit)).freed


async def test_it_takes_slots_of_all_that_it_names_and_gives_them_back(world: World) -> None:
    config = await make_config(world, 5)
    call = await world.report("switch-1", world.agent_id, "main")
    assert (call.agent_id, call.carrier_config_id) == (world.agent_id, config.carrier_config_id)
    assert call.expires_at == world.later(minutes=10)
    assert await world.used() == (1, 1)
    await check_invariants(world.store)
    assert await world.hang_up("switch-1")
    assert not await world.hang_up("switch-1")
    assert await world.used() == (0, 0)
    await check_invariants(world.store)


async def test_one_that_is_reported_again_counts_once_and_longer(world: World) -> None:
    first = await world.report("switch-1", ttl_seconds=10)
    world.advance(seconds=9)
    again = await world.report("switch-1", ttl_seconds=10)
    assert again.created_at == first.created_at
    world.advance(seconds=9)
    assert await free(world) == 0
    assert await world.used() == (1, 0)
    world.advance(seconds=1)
    assert await free(world) == 1
    assert await world.used() == (0, 0)


async def test_one_that_is_reported_for_another_agent_moves(world: World) -> None:
    bob = await world.new_agent("Bob", 1)
    await world.report("switch-1", world.agent_id)
    await world.report("switch-1", bob)
    assert await world.used() == (1, 0)
    assert (await world.store.agents.get_agent(world.account_id, bob)).active_calls == 1
    await world.report("switch-1")
    assert (await world.store.agents.get_agent(world.account_id, bob)).active_calls == 0
    await check_invariants(world.store)


async def test_they_may_pass_the_cap_and_then_no_call_is_made(world: World) -> None:
    world = await settled(world.store, world.clock, world.ids, 2)
    batch_id = await world.batch(3)
    for n in range(4):
        await world.report(f"switch-{n}")
        await check_invariants(world.store)
    assert await world.claim() == []
    gate = (await slot_gates(world, batch_id))["slots_account"]
    assert gate.figures == {"used": 4, "cap": 2, "external": 4}
    with pytest.raises(ExhaustedError) as full:
        await world.direct()
    assert "4 of them external" in full.value.message
    for n in range(3):
        await world.hang_up(f"switch-{n}")
        await check_invariants(world.store)
    assert len(await world.claim()) == 1


async def test_batches_share_what_external_calls_leave_of_the_account(world: World) -> None:
    world = await settled(world.store, world.clock, world.ids, 4, 2)
    await world.batch(9)
    for n in range(3):
        await world.report(f"switch-{n}")
    assert len(await world.claim()) == 1


async def test_a_limit_that_is_lowered_below_them_follows_them_down(world: World) -> None:
    bob = await world.new_agent("Bob", 2)
    for n in range(3):
        await world.report(f"switch-{n}", bob)
    await world.hang_up("switch-0")
    await check_invariants(world.store)
    await world.hang_up("switch-1")
    ((target, hard, used),) = await world.sql(
        "SELECT s.target_cap, s.hard_cap, s.used FROM slots s JOIN agents g ON g.key = s.owner "
        "WHERE s.kind = 3 AND g.id = :id",
        id=pack_id(bob),
    )
    assert (target, hard, used) == (2, 2, 1)


async def test_they_end_in_groups_at_their_moments(world: World) -> None:
    for seconds in (1, 2, 2, 30):
        await world.report(f"switch-{seconds}-{world.ids.new_id()}", ttl_seconds=seconds)
    freed = await world.store.dispatch.free_externals(10)
    assert (freed.freed, freed.next_at) == (0, world.later(seconds=1))
    world.advance(seconds=2)
    assert (await world.store.dispatch.free_externals(2)).more
    freed = await world.store.dispatch.free_externals(2)
    assert (freed.freed, freed.more, freed.next_at) == (1, False, world.later(seconds=28))
    assert await world.used() == (1, 0)


async def test_they_are_listed_oldest_first_and_to_their_account_alone(world: World) -> None:
    for n in range(3):
        await world.report(f"switch-{n}")
    other = await settled(world.store, world.clock, world.ids)
    await other.report("switch-0")
    listed, pages = await all_pages(
        lambda page: world.store.external_calls.list_external_calls(world.account_id, page)
    )
    assert [call.external_id for call in listed] == ["switch-0", "switch-1", "switch-2"]
    assert pages == 2
    assert await other.hang_up("switch-0")
    assert await world.used() == (3, 0)


async def test_what_it_names_must_be_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        await world.report("switch-1", AgentId(NO_ID))
    with pytest.raises(NotFoundError):
        await world.report("switch-1", carrier_config=CarrierConfigId(NO_ID))
    assert await world.used() == (0, 0)


async def test_only_so_many_are_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXTERNAL_CALLS_MAX", 2)
    for n in range(2):
        await world.report(f"switch-{n}")
    with pytest.raises(ExhaustedError) as many:
        await world.report("switch-2")
    assert many.value.reason is Reason.TOO_MANY_EXTERNAL_CALLS
    await world.report("switch-1")


async def test_the_audit_tells_a_count_that_differs_from_the_rows(world: World) -> None:
    await world.report("switch-1")
    await world.execute("UPDATE slots SET external = 0 WHERE kind = 1")
    (fault,) = await world.store.dispatch.audit_slots()
    assert fault.scope.endswith(" external")
    await world.execute("UPDATE slots SET external = 1 WHERE kind = 1")
    await world.execute("DELETE FROM external_calls")
    assert len(await world.store.dispatch.audit_slots()) == 2


async def test_a_claim_that_was_made_before_stays(world: World) -> None:
    world = await settled(world.store, world.clock, world.ids, 1)
    await world.batch(1)
    (call,) = await world.claim()
    await world.report("switch-1")
    assert list((await world.send([call])).calls) == [call]
    assert await world.used() == (2, 1)
    world.advance(seconds=timedelta(hours=1).total_seconds())
    assert await free(world) == 1


async def test_one_that_is_prolonged_moved_and_ended_while_its_time_is_over_counts_once(
    world: World,
) -> None:
    bob = await world.new_agent("Bob", 1)
    for _ in range(20):
        await world.report("switch-1", world.agent_id, ttl_seconds=5)
        await world.report("switch-2", bob, ttl_seconds=5)
        world.advance(seconds=5)
        await asyncio.gather(
            world.report("switch-1", bob),
            free(world),
            world.report("switch-2", world.agent_id),
            free(world),
            world.hang_up("switch-1"),
        )
        await check_invariants(world.store)
        await world.hang_up("switch-1")
        assert await world.used() == (1, 1)
