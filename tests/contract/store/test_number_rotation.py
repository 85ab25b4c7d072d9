"""Which number a call shows, and that no number has more calls than it may."""

from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.errors import ExhaustedError, NotFoundError, PreconditionError, Reason
from outdial_server.domain.phone_number import Capability
from support.invariants import check_invariants
from support.numbers import (
    BACK,
    FREE,
    FRONT,
    ROUND_ROBIN,
    SEQUENTIAL,
    SIDE,
    active_calls,
    bind_numbers,
    change_number,
    everybody,
    new_number,
    scope_answer,
    shown,
    three_numbers,
)
from support.stores import World, ended, new_row, new_rows

# --- rotation


async def test_round_robin_goes_on_over_claims_pause_and_resume(world: World) -> None:
    await three_numbers(world)
    batch_id = await world.batch(7, phone_numbers=(FRONT, BACK, SIDE), rotation=ROUND_ROBIN)
    assert shown(await world.sending(2)) == [FRONT, BACK]
    await world.change(batch_id, rules.pause)
    await world.change(batch_id, rules.resume)
    assert shown(await world.sending(4)) == [SIDE, FRONT, BACK, SIDE]
    assert shown(await world.sending()) == [FRONT]


async def test_sequential_moves_on_when_a_number_is_full(world: World) -> None:
    front, back = await new_number(world, max_concurrent_calls=2), await new_number(world, BACK)
    await world.batch(8, phone_numbers=(FRONT, BACK), rotation=SEQUENTIAL)
    first = await world.sending(1)
    assert shown(first) == [FRONT]
    assert shown(await world.sending(3)) == [FRONT, BACK, BACK]
    assert (await active_calls(world, front), await active_calls(world, back)) == (2, 2)
    await world.apply(*(ended(call) for call in first))
    assert shown(await world.sending(1)) == [BACK], "it does not go back before it must"
    await change_number(world, back, active=False)
    assert shown(await world.sending(1)) == [FRONT]
    await change_number(world, back)
    assert shown(await world.sending()) == [BACK, BACK]


async def test_random_takes_one_of_those_with_a_free_slot(world: World) -> None:
    await three_numbers(world, max_concurrent_calls=2)
    await world.batch(9, phone_numbers=(FRONT, BACK, SIDE))
    assert sorted(shown(await world.sending())) == [FRONT, FRONT, BACK, BACK, SIDE, SIDE]


async def test_numbers_are_named_by_id_or_by_address_and_count_once(world: World) -> None:
    front, back, _ = await three_numbers(world)
    names = (back.phone_number_id, FRONT, BACK)
    batch_id = await world.batch(3, phone_numbers=names, rotation=ROUND_ROBIN)
    settings = (await world.get(batch_id)).settings
    assert settings.phone_numbers == (back.phone_number_id, front.phone_number_id)
    assert shown(await world.sending()) == [BACK, FRONT, BACK]


async def test_a_changed_list_counts_from_the_next_call_on(world: World) -> None:
    await three_numbers(world)
    batch_id = await world.batch(6, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN)
    assert shown(await world.sending(1)) == [FRONT]
    changed = await world.edit(batch_id, phone_numbers=(SIDE, FRONT))
    assert changed.revision == 2
    assert shown(await world.sending(2)) == [SIDE, FRONT]
    await world.edit(batch_id, phone_numbers=())
    assert shown(await world.sending(1)) == [""]
    with pytest.raises(NotFoundError) as caught:
        await world.edit(batch_id, phone_numbers=(FRONT, FREE))
    assert caught.value.reason is Reason.PHONE_NUMBER_NOT_FOUND
    assert caught.value.metadata == {"id": FREE}


async def test_a_batch_without_a_list_calls_from_the_numbers_of_its_agent(world: World) -> None:
    front, back, side = await three_numbers(world)
    await bind_numbers(world, side, front)
    batch_id = await world.batch(5, rotation=ROUND_ROBIN)
    assert shown(await world.sending(3)) == [SIDE, FRONT, SIDE]
    other = await world.new_agent("Bob")
    await world.batch(new_rows(1, 50), agent_id=other)
    await world.store.phone_numbers.unbind_phone_number(world.account_id, front.phone_number_id)
    await bind_numbers(world, back)
    assert sorted(shown(await world.sending(3))) == ["", BACK, SIDE]
    assert (await world.get(batch_id)).settings.phone_numbers == ()


async def test_another_account_has_no_use_of_our_numbers(world: World) -> None:
    await new_number(world)
    other = await world.new_account()
    agent_id = await world.new_agent("Eve", account_id=other)
    with pytest.raises(NotFoundError):
        await world.batch(1, account_id=other, agent_id=agent_id, phone_numbers=(FRONT,))
    await world.batch(1, account_id=other, agent_id=agent_id, caller_id=FRONT)
    (call,) = await world.sending()
    assert call.caller_id == FRONT
    assert await world.sql("SELECT used FROM slots WHERE kind = 6") == [(0,)]


# --- caller IDs that override


async def test_a_caller_id_of_the_batch_counts_before_its_list(world: World) -> None:
    await three_numbers(world)
    batch_id = await world.batch(3, phone_numbers=(FRONT, BACK), caller_id=FREE)
    assert shown(await world.sending(1)) == [FREE]
    await world.edit(batch_id, caller_id=SIDE)
    assert shown(await world.sending(1)) == [SIDE]
    await world.edit(batch_id, caller_id="", rotation=ROUND_ROBIN)
    assert shown(await world.sending(1)) == [FRONT]


async def test_a_caller_id_that_is_a_number_of_the_account_counts_in_its_slots(
    world: World,
) -> None:
    front = await new_number(world, max_concurrent_calls=2)
    batch_id = await world.batch(4, caller_id=FRONT)
    calls = await world.sending()
    assert shown(calls) == [FRONT, FRONT]
    assert await active_calls(world, front) == 2
    answer = await scope_answer(world, batch_id, "numbers")
    assert (answer.budget, answer.reason, answer.waits_for) == (0, "NUMBERS_FULL", "ANY_CALL_ENDS")
    assert answer.figures == {"numbers": 1, "usable": 1, "used": 2, "cap": 2}
    await world.apply(ended(calls[0]))
    assert shown(await world.sending()) == [FRONT]
    await world.batch(new_rows(3, 50), caller_id=FREE)
    assert shown(await world.sending()) == [FREE] * 3, "a mere text has no limit"


async def test_a_row_of_its_own_caller_id_shows_that_one(world: World) -> None:
    front, back, _ = await three_numbers(world, max_concurrent_calls=1)
    rows = [new_row(0, caller_id=FREE), new_row(1, caller_id=BACK), new_row(2)]
    await world.batch(rows, phone_numbers=(FRONT,))
    calls = await everybody(world)
    assert {c.address[-1]: c.caller_id for c in calls} == {"0": FREE, "1": BACK, "2": FRONT}
    assert (await active_calls(world, front), await active_calls(world, back)) == (1, 1)
    await world.apply(*(ended(call) for call in calls))
    assert (await active_calls(world, front), await active_calls(world, back)) == (0, 0)


# --- batches without a number


async def test_a_batch_whose_numbers_cannot_be_used_is_not_made_or_started(world: World) -> None:
    front, back, _ = await three_numbers(world)
    await bind_numbers(world, front)
    draft_id = await world.batch(1, draft=True)
    await change_number(world, front, active=False)
    await change_number(world, back, capabilities=Capability.INBOUND_VOICE)
    for refused in (
        world.batch(1, phone_numbers=(FRONT, BACK)),
        world.batch(1),
        world.batch(1, caller_id=BACK),
        world.batch(1, draft=True),
        world.change(draft_id, rules.start),
    ):
        with pytest.raises(PreconditionError) as caught:
            await refused
        assert caught.value.reason is Reason.NO_USABLE_NUMBER
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]
    await world.batch(1, phone_numbers=(FRONT, SIDE))
    await world.batch(1, caller_id=FREE)
    await change_number(world, front)
    assert (await world.change(draft_id, rules.start)).state.name == "RUNNING"


async def test_a_batch_that_runs_is_held_until_a_number_can_be_used(world: World) -> None:
    front = await new_number(world)
    batch_id = await world.batch(2, phone_numbers=(FRONT,))
    await change_number(world, front, active=False)
    assert await world.claim() == []
    answer = await scope_answer(world, batch_id, "numbers")
    assert (answer.reason, answer.figures) == ("NO_USABLE_NUMBER", {"numbers": 1, "usable": 0})
    assert answer.is_for_good, "no event is named that would open it"
    await change_number(world, front)
    assert shown(await world.sending()) == [FRONT, FRONT]


async def test_a_number_that_is_listed_is_not_deleted_before_the_batch_has_ended(
    world: World,
) -> None:
    front = await new_number(world)
    batch_id = await world.batch(1, phone_numbers=(FRONT,))
    numbers = world.store.phone_numbers
    with pytest.raises(PreconditionError) as caught:
        await numbers.delete_phone_number(world.account_id, front.phone_number_id)
    assert caught.value.reason is Reason.PHONE_NUMBER_IN_USE
    assert caught.value.metadata == {"batches": "1", "batch_id": batch_id}
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    await numbers.delete_phone_number(world.account_id, front.phone_number_id)


# --- forecasts


async def test_who_is_held_is_due_in_forecasts_and_where_a_row_is_shown(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    batch_id = (await world.create([new_row(n, caller_id=FRONT) for n in range(3)])).batch.batch_id
    await everybody(world)
    store = world.store.forecasts
    question = await store.question(world.account_id, batch_id, timedelta(days=1))
    lots = [lot for batch in question.batches for lot in batch.lots]
    assert [(lot.due_us, lot.count) for lot in lots] == [(0, 2)]
    row = await world.row(batch_id, 2)
    assert row.due_at == world.clock.now()


# --- direct calls


async def test_a_direct_call_shows_a_number_of_its_agent_and_has_its_slot(world: World) -> None:
    front = await new_number(world, max_concurrent_calls=1)
    await bind_numbers(world, front)
    call = (await world.direct()).claimed
    assert call is not None
    assert call.caller_id == FRONT
    assert await active_calls(world, front) == 1
    with pytest.raises(ExhaustedError) as full:
        await world.direct()
    assert full.value.reason is Reason.CALL_HELD_BACK
    assert full.value.metadata == {"gate": "numbers", "because": "NUMBERS_FULL"}
    waits = await world.direct(wait_until=world.clock.now() + timedelta(minutes=1))
    assert waits.claimed is None
    await world.send([call])
    await world.apply(ended(call))
    assert shown(await world.claim()) == [FRONT]
    await check_invariants(world.store)


async def test_a_direct_call_that_has_no_number_to_show_is_refused(world: World) -> None:
    front = await new_number(world, active=False)
    await bind_numbers(world, front)
    with pytest.raises(PreconditionError) as refused:
        await world.direct()
    assert refused.value.reason is Reason.NO_USABLE_NUMBER
    await check_invariants(world.store)
