"""Direct calls: made at once or refused, ahead of batches, and each one dialled once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.domain import limits
from outdial_server.domain.call import Call, CallFilter, CallState, Disposition
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.errors import (
    AlreadyExistsError,
    ExhaustedError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import CallId, CarrierConfigId, ThrottleId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.report import Fault
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import (
    World,
    accepted,
    addresses,
    ended,
    new_row,
    not_sent,
    number,
    refused,
    settled,
    unclear,
)


async def small(world: World, cap: int, reserve: int = 0) -> World:
    """The same store seen by an account with few slots."""
    return await settled(world.store, world.clock, world.ids, cap, reserve)


async def made(world: World, **values: object) -> ClaimedCall:
    claimed = (await world.direct(**values)).claimed  # type: ignore[arg-type]
    assert claimed is not None
    return claimed


async def shown(world: World, call_id: CallId) -> Call:
    return await world.store.calls.get_call(world.account_id, call_id)


async def listed(world: World, *states: CallState, only_direct: bool = True) -> list[CallId]:
    page = await world.store.calls.list_calls(
        world.account_id, PageRequest(), CallFilter(states=states, only_direct=only_direct)
    )
    return [call.call_id for call in page.items]


async def tick(world: World) -> None:
    """What windows and settler do."""
    await world.store.dispatch.move_windows()
    await world.settle_all()


async def test_a_direct_call_has_its_slots_at_once_and_gives_them_back(world: World) -> None:
    row = new_row(1, template_context_json='{"name":"Ada"}', metadata={"ticket": "7"})
    call = (await world.direct(row)).call
    assert (call.state, call.batch_id, call.scheduled_call_id) == (CallState.CLAIMED, None, None)
    assert call.direct is not None
    assert call.direct.template_context_json == '{"name":"Ada"}'
    assert call.direct.metadata == {"ticket": "7"}
    assert call.direct.expires_at > world.clock.now()
    assert await world.used() == (1, 1)
    assert await world.claim() == [], "there is nothing left to claim"
    await check_invariants(world.store)


async def test_it_lives_as_a_call_of_a_batch_does(world: World) -> None:
    claimed = await made(world)
    assert claimed.batch_id is None
    assert list((await world.send([claimed])).calls) == [claimed]
    await world.apply(accepted(claimed), ended(claimed, Disposition.ANSWERED_HUMAN))
    over = await shown(world, claimed.call_id)
    assert (over.state, over.disposition) == (CallState.ENDED, Disposition.ANSWERED_HUMAN)
    assert await world.used() == (0, 0)
    await check_invariants(world.store)


async def test_the_batch_behind_it_is_shown_to_nobody(world: World) -> None:
    await made(world)
    ((batch_id,),) = await world.sql("SELECT id FROM batches")
    ((row_id,),) = await world.sql("SELECT id FROM scheduled_calls")
    batches = world.store.batches
    assert (await batches.list_batches(world.account_id, PageRequest())).items == []
    with pytest.raises(NotFoundError):
        await batches.get_batch(world.account_id, batch_id.hex())
    with pytest.raises(NotFoundError):
        await world.store.calls.get_scheduled_call(world.account_id, row_id.hex())
    assert sum((await world.store.figures.read_figures(10)).batches.values()) == 0


async def test_it_may_use_the_reserve_which_batches_may_not(world: World) -> None:
    world = await small(world, cap=3, reserve=1)
    await world.batch(5)
    assert len(await world.claim()) == 2
    first = await made(world)
    with pytest.raises(ExhaustedError) as full:
        await world.direct()
    assert full.value.reason is Reason.NO_FREE_SLOT
    assert full.value.metadata == {"gate": "slots_account", "used": "3", "cap": "3"}
    assert full.value.retry_after > timedelta(0)
    await world.send([first])
    await world.apply(ended(first, Disposition.BUSY))
    assert await world.claim() == [], "the reserve stays free of batches"
    await made(world)


async def test_one_that_is_refused_leaves_nothing(world: World) -> None:
    world = await small(world, cap=1)
    await made(world)
    before = await world.sql("SELECT COUNT(*) FROM batches")
    request = world.request("once")
    for _ in range(2):
        with pytest.raises(ExhaustedError):
            await world.direct(request=request)
    assert await world.sql("SELECT COUNT(*) FROM batches") == before
    assert await world.sql("SELECT COUNT(*) FROM requests") == [(0,)]


async def test_the_limit_of_its_agent_holds(world: World) -> None:
    busy = await world.new_agent("Bob", 1)
    await made(world, agent_id=busy)
    with pytest.raises(ExhaustedError) as full:
        await world.direct(agent_id=busy)
    assert full.value.metadata == {"gate": "slots_agent", "used": "1", "cap": "1"}
    await made(world)


async def test_nobody_on_the_do_not_call_list_is_called(world: World) -> None:
    suppressions = world.store.suppressions
    await suppressions.put_suppressions(
        world.account_id, [number(1)], SuppressionFields("", "", None)
    )
    with pytest.raises(PreconditionError) as no:
        await world.direct(new_row(1), wait_until=world.later(seconds=60))
    assert no.value.reason is Reason.ADDRESS_SUPPRESSED
    claimed = await made(world, row=new_row(2))
    await suppressions.put_suppressions(
        world.account_id, [number(2)], SuppressionFields("", "", None)
    )
    assert (await world.send([claimed])).calls == ()
    assert await world.claim() == []
    over = await shown(world, claimed.call_id)
    assert (over.state, over.reason) == (CallState.ENDED, "SUPPRESSED")
    assert await world.used() == (0, 0)


async def test_one_that_waits_goes_ahead_of_batches(world: World) -> None:
    world = await small(world, cap=1)
    await world.batch(3, priority=limits.PRIORITY_MAX)
    (first,) = await world.live()
    waiting = await world.direct(new_row(77), wait_until=world.later(minutes=5))
    assert waiting.claimed is None
    assert waiting.call.state is CallState.CLAIMED
    assert await world.claim() == []
    await world.apply(ended(first, Disposition.BUSY))
    claims = await world.claim()
    assert addresses(claims) == [number(77)]
    assert claims[0].call_id == waiting.call.call_id
    await check_invariants(world.store)


async def test_those_that_wait_share_what_batches_leave_and_the_reserve(world: World) -> None:
    world = await small(world, cap=4, reserve=2)
    await world.batch(9)
    busy = await world.sending()
    fillers = [await made(world) for _ in range(2)]
    for n in range(3):
        await world.direct(new_row(70 + n), wait_until=world.later(minutes=5))
        # Each is older than the next.
        world.advance(milliseconds=5)
    await world.send(fillers)
    await world.apply(*(ended(call, Disposition.BUSY) for call in (*busy, *fillers)))
    claims = await world.claim()
    assert {number(70), number(71), number(72)} < set(addresses(claims))
    assert len(claims) == 4
    await check_invariants(world.store)


async def test_one_that_another_server_is_to_dial_is_left_to_its_claim(world: World) -> None:
    new = world.new_direct_call()
    made = await world.store.direct_calls.create_direct_call(new, may_claim=False)
    assert made.claimed is None
    (claimed,) = await world.claim()
    assert claimed.call_id == made.call.call_id
    # What is refused anywhere is refused here.
    one = await small(world, 1)
    await one.direct()
    with pytest.raises(ExhaustedError):
        await one.store.direct_calls.create_direct_call(one.new_direct_call(), may_claim=False)


async def test_the_wait_has_an_end(world: World) -> None:
    world = await small(world, cap=1)
    busy = await made(world)
    waiting = await world.direct(new_row(2), wait_until=world.later(seconds=20))
    assert (await world.store.dispatch.move_windows()).next_at is not None
    world.advance(seconds=20)
    await world.send([busy])
    assert await world.claim() == []
    await tick(world)
    over = await shown(world, waiting.call.call_id)
    assert (over.state, over.disposition) == (CallState.ENDED, Disposition.FAILED)
    assert over.reason == "EXPIRED"
    assert over.ended_at == world.clock.now()
    assert waiting.call.call_id in await listed(world, CallState.ENDED)
    await check_invariants(world.store)


async def test_only_so_many_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outdial_server.storage.verbs.direct_calls.DIRECT_CALLS_WAITING_MAX", 2)
    world = await small(world, cap=1)
    await made(world)
    for n in range(2):
        await world.direct(new_row(n), wait_until=world.later(seconds=20))
    with pytest.raises(ExhaustedError) as many:
        await world.direct(wait_until=world.later(seconds=20))
    assert many.value.reason is Reason.TOO_MANY_CALLS_WAIT
    assert many.value.metadata == {"waiting": "2"}


async def test_one_that_was_turned_away_is_dialled_again_under_its_id(world: World) -> None:
    claimed = await made(world)
    await world.send([claimed])
    await world.apply(not_sent(claimed))
    assert (await shown(world, claimed.call_id)).state is CallState.CLAIMED
    world.advance(seconds=2)
    (again,) = await world.claim()
    assert (again.call_id, again.fence > claimed.fence) == (claimed.call_id, True)
    await world.send([again])
    await world.apply(not_sent(again))
    world.advance(minutes=1)
    await tick(world)
    over = await shown(world, claimed.call_id)
    assert (over.state, over.reason, over.sent_at) == (CallState.ENDED, "EXPIRED", None)
    assert await world.used() == (0, 0)


async def test_a_claim_that_was_lost_is_taken_again(world: World) -> None:
    claimed = await made(world)
    world.advance(seconds=16)
    assert (await world.store.dispatch.reap()).given_back == 1
    (again,) = await world.claim()
    assert again.call_id == claimed.call_id
    assert (await world.send([claimed])).calls == ()
    assert len((await world.send([again])).calls) == 1


async def test_an_account_that_the_carrier_refuses_ends_the_call(world: World) -> None:
    claimed = await made(world)
    await world.send([claimed])
    await world.apply(refused(claimed, Fault.CONFIGURATION))
    over = await shown(world, claimed.call_id)
    assert (over.state, over.reason) == (CallState.ENDED, "BAD_CREDENTIALS")
    await check_invariants(world.store)
    await made(world)


async def test_the_throttle_that_it_names_holds(world: World) -> None:
    rules = (ThrottleRule(1, timedelta(minutes=1)),)
    slow = await world.store.throttles.create_throttle(
        world.account_id, ThrottleId(world.ids.new_id()), ThrottleFields("slow", rules)
    )
    first = await made(world, throttle="slow")
    assert list((await world.send([first])).calls) == [first]
    with pytest.raises(ExhaustedError) as caught:
        await world.direct(new_row(2), throttle=slow.throttle_id)
    assert caught.value.reason is Reason.CALL_HELD_BACK
    assert caught.value.metadata["gate"] == "throttle"
    assert caught.value.retry_after == timedelta(minutes=1)
    until = world.later(minutes=2)
    waiting = await world.direct(new_row(3), throttle="slow", wait_until=until)
    assert waiting.claimed is None
    assert (await made(world, row=new_row(4))) is not None, "others are not held back"
    world.advance(minutes=1)
    assert [call.call_id for call in await world.claim()] == [waiting.call.call_id]
    with pytest.raises(NotFoundError) as unknown:
        await world.direct(new_row(5), throttle="fast")
    assert unknown.value.reason is Reason.THROTTLE_NOT_FOUND
    await check_invariants(world.store)


async def test_the_rate_of_its_carrier_config_holds(world: World) -> None:
    await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        "simulated",
        CarrierConfigFields("slow", None, 1.0),
        CarrierRates({}),
    )
    first = await made(world, carrier_config="slow")
    second = await made(world, row=new_row(2), carrier_config="slow")
    # Both have a slot; SENDING counts, and lets one go in a second.
    assert list((await world.send([first, second])).calls) == [first]
    with pytest.raises(ExhaustedError) as fast:
        await world.direct(new_row(3), carrier_config="slow")
    assert fast.value.reason is Reason.CALL_HELD_BACK
    assert fast.value.metadata["gate"] == "carrier_rate"
    assert timedelta(0) < fast.value.retry_after <= timedelta(seconds=1)
    waiting = (await world.direct(new_row(4), wait_until=world.later(minutes=1))).claimed
    assert waiting is not None, "others are not held back"
    assert await world.claim() == []
    world.advance(seconds=1)
    assert [call.call_id for call in await world.claim()] == [second.call_id]
    await check_invariants(world.store)


async def test_an_unknown_one_is_looked_up_and_never_dialled_again(world: World) -> None:
    claimed = await made(world)
    await world.send([claimed])
    await world.apply(unclear(claimed))
    assert await world.used() == (1, 1)
    world.advance(seconds=30)
    (silent,) = (await world.store.dispatch.silent_calls(10)).calls
    assert silent.call_id == claimed.call_id
    assert await world.claim() == []


@pytest.mark.parametrize("claimed", [False, True])
async def test_one_that_was_not_sent_can_be_called_off(world: World, claimed: bool) -> None:
    world = await small(world, cap=1)
    if not claimed:
        await made(world)
    call = (await world.direct(new_row(2), wait_until=world.later(minutes=1))).call
    before = await world.used()
    over = await world.store.calls.cancel_direct_call(world.account_id, call.call_id)
    assert (over.state, over.disposition) == (CallState.ENDED, Disposition.CANCELLED)
    assert await world.used() == ((0, 0) if claimed else before)
    assert await world.claim() == []
    await check_invariants(world.store)


async def test_one_that_was_sent_is_not_called_off(world: World) -> None:
    claimed = await made(world)
    await world.send([claimed])
    call = await world.store.calls.cancel_direct_call(world.account_id, claimed.call_id)
    assert call.state is CallState.SENDING
    other = await settled(world.store, world.clock, world.ids)
    with pytest.raises(NotFoundError):
        await world.store.calls.cancel_direct_call(other.account_id, claimed.call_id)


async def test_a_request_that_is_repeated_makes_no_second_call(world: World) -> None:
    request = world.request("once")
    first = await world.direct(request=request)
    again = await world.direct(request=request)
    assert (again.call.call_id, again.claimed) == (first.call.call_id, None)
    store = world.store.direct_calls
    found = await store.earlier_call(world.account_id, request)
    assert found is not None
    assert found.call_id == first.call.call_id
    assert await store.earlier_call(world.account_id, world.request("other")) is None
    with pytest.raises(AlreadyExistsError):
        await world.direct(request=replace(request, fingerprint=bytes(32)))
    assert await world.used() == (1, 1)


async def test_direct_calls_are_listed_among_the_others_or_alone(world: World) -> None:
    await world.batch(1)
    (of_batch,) = await world.live()
    first, second = await made(world), await made(world)
    await world.send([first])
    assert await listed(world) == [second.call_id, first.call_id]
    assert await listed(world, CallState.CLAIMED) == [second.call_id]
    everything = {of_batch.call_id, first.call_id, second.call_id}
    assert set(await listed(world, only_direct=False)) == everything


async def test_an_agent_with_a_live_direct_call_stays(world: World) -> None:
    await made(world)
    with pytest.raises(PreconditionError) as busy:
        await world.store.agents.delete_agent(world.account_id, world.agent_id)
    assert busy.value.reason is Reason.AGENT_IN_USE


async def test_an_inactive_agent_makes_no_call(world: World) -> None:
    def rest(agent):  # type: ignore[no-untyped-def]
        return replace(agent.fields, active=False)

    await world.store.agents.change_agent(world.account_id, world.agent_id, rest)
    with pytest.raises(PreconditionError) as inactive:
        await world.direct()
    assert inactive.value.reason is Reason.AGENT_INACTIVE
