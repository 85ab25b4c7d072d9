"""Rows that wait for a number."""

import pytest

from outdial_server.domain.call import Disposition
from outdial_server.domain.phone_number import Capability
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.numbers import (
    FRONT,
    change_number,
    everybody,
    new_number,
    row_answer,
    scope_answer,
    shown,
)
from support.stores import World, ended, new_row, new_rows


async def test_who_waits_for_a_full_number_stands_in_nobodys_way(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    rows = [*(new_row(n, caller_id=FRONT) for n in range(6)), *new_rows(3, 10)]
    batch_id = await world.batch(rows)
    calls = await world.sending()
    assert shown(calls) == [FRONT, "", "", ""]
    await check_invariants(world.store)
    answer = await row_answer(world, batch_id, 3)
    assert (answer.budget, answer.reason, answer.waits_for) == (0, "NUMBER_FULL", "ANY_CALL_ENDS")
    assert answer.figures == {"used": 1, "cap": 1}
    answer = await scope_answer(world, batch_id, "rows")
    assert (answer.reason, answer.waits_for) == ("ROWS_WAIT_FOR_NUMBERS", "ANY_CALL_ENDS")
    for n in range(1, 6):
        await world.apply(ended(calls[0]))
        calls = await world.sending()
        assert [call.address for call in calls] == [rows[n].address], "in their order"
        await check_invariants(world.store)
    await world.apply(ended(calls[0]))
    assert await world.claim() == []
    assert await world.sql("SELECT COUNT(*) FROM held_rows") == [(0,)]


async def test_a_claim_looks_at_no_row_that_waits_for_a_full_number(world: World) -> None:
    """However many there are: each is looked at once, and not again before there is room."""
    await new_number(world, max_concurrent_calls=1)
    await world.batch([new_row(n, caller_id=FRONT) for n in range(1200)])
    claims = world.store.dispatch.claim
    found = [await claims(10) for _ in range(5)]
    assert [len(claims.calls) for claims in found] == [1, 0, 0, 0, 0]
    assert [claims.more for claims in found] == [True, True, True, False, False]
    assert found[-1].next_due_at is None
    due = await world.sql("SELECT COUNT(*) FROM scheduled_calls WHERE due_us <= :now", now=2**53)
    assert due == [(0,)]


async def test_who_is_first_gets_the_slot_that_comes_free(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    low = [new_row(n, caller_id=FRONT) for n in range(3)]
    batch_id = await world.batch(low)
    (call,) = await world.sending()
    assert await world.claim() == []
    urgent = new_row(90, caller_id=FRONT, priority=9)
    await world.add(batch_id, [urgent])
    assert await world.claim() == []
    await world.apply(ended(call))
    (call,) = await world.sending()
    assert call.address == urgent.address


@pytest.mark.parametrize("people", [60, 600])
async def test_who_is_cancelled_while_held_leaves_no_slot_idle(world: World, people: int) -> None:
    await new_number(world, max_concurrent_calls=1)
    batch_id = await world.batch([new_row(n, caller_id=FRONT) for n in range(people)])
    (call,) = await everybody(world)
    rows = await world.rows(batch_id)
    for row in rows[1:-1]:
        await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    await world.apply(ended(call))
    (call,) = await everybody(world)
    assert call.address == rows[-1].address
    assert await world.sql("SELECT COUNT(*) FROM held_rows") == [(0,)]


@pytest.mark.parametrize("blocked", [10, 40])
async def test_who_is_blocked_while_held_leaves_no_slot_idle(world: World, blocked: int) -> None:
    await new_number(world, max_concurrent_calls=2)
    rows = [new_row(n, caller_id=FRONT) for n in range(blocked + 4)]
    batch_id = await world.batch(rows)
    calls = await everybody(world)
    assert len(calls) == 2
    peace = [row.address for row in rows[2 : blocked + 2]]
    none = SuppressionFields("", "", None)
    await world.store.suppressions.put_suppressions(world.account_id, peace, none)
    await world.apply(*(ended(call) for call in calls))
    row = await world.row(batch_id, blocked + 2)
    standing = await world.store.standings.row_standing(world.account_id, row.scheduled_call_id)
    assert standing.is_chosen
    calls = await everybody(world)
    assert [call.address for call in calls] == [row.address for row in rows[blocked + 2 :]]
    await check_invariants(world.store)


async def turns_at(world: World, times: int) -> list[ClaimedCall]:
    """Whom a number that has one slot is shown to, one after the other."""
    calls: list[ClaimedCall] = []
    for _ in range(times):
        (call,) = await everybody(world)
        await world.apply(ended(call))
        calls.append(call)
    return calls


async def test_a_batch_of_higher_priority_is_first_at_a_number(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    low = await world.batch([new_row(n, caller_id=FRONT) for n in range(4)])
    high = await world.batch([new_row(n, caller_id=FRONT) for n in range(10, 14)], priority=9)
    calls = await turns_at(world, 8)
    assert [call.batch_id for call in calls] == [*[high] * 4, *[low] * 4]


async def test_equal_batches_take_turns_at_a_number(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    batches = [
        await world.batch([new_row(n, caller_id=FRONT) for n in range(start, start + 4)])
        for start in (0, 10)
    ]
    calls = await turns_at(world, 8)
    assert [call.batch_id for call in calls] == batches * 4


async def test_a_direct_call_that_waits_is_first_at_its_number(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    await world.batch([new_row(n, caller_id=FRONT) for n in range(4)])
    (call,) = await everybody(world)
    direct = new_row(50, caller_id=FRONT)
    made = await world.direct(direct, wait_until=world.later(hours=1))
    assert made.claimed is None
    await world.apply(ended(call))
    (call,) = await everybody(world)
    assert call.address == direct.address


async def test_a_number_that_is_not_active_holds_those_bound_to_it(world: World) -> None:
    front = await new_number(world)
    batch_id = await world.batch([new_row(0, caller_id=FRONT), new_row(1)])
    await change_number(world, front, active=False)
    assert shown(await world.sending()) == [""]
    answer = await row_answer(world, batch_id, 0)
    assert (answer.reason, answer.waits_for) == ("NUMBER_NOT_USABLE", "CONFIGURATION")
    await change_number(world, front, capabilities=Capability.SMS)
    assert await world.claim() == []
    await change_number(world, front)
    assert shown(await world.sending()) == [FRONT]


async def test_a_number_that_is_deleted_is_a_mere_text_to_those_bound_to_it(world: World) -> None:
    front = await new_number(world, max_concurrent_calls=1)
    await world.batch([new_row(n, caller_id=FRONT) for n in range(3)])
    (first,) = await world.sending()
    assert await world.claim() == []
    await world.store.phone_numbers.delete_phone_number(world.account_id, front.phone_number_id)
    assert shown(await world.sending()) == [FRONT, FRONT]
    await world.apply(ended(first))
    assert await world.sql("SELECT used FROM slots WHERE kind = 6") == [(0,)]


async def test_who_waits_for_a_number_ends_with_the_batch(world: World) -> None:
    await new_number(world, max_concurrent_calls=1)
    rows = [new_row(n, caller_id=FRONT) for n in range(4)]
    batch_id = await world.batch(rows, window_end=world.later(minutes=1))
    calls = await world.sending()
    assert await world.claim() == []
    waiting = await world.row(batch_id, 3)
    await world.store.calls.cancel_scheduled_call(world.account_id, waiting.scheduled_call_id)
    world.advance(minutes=2)
    await world.store.dispatch.move_windows()
    await world.settle_all()
    await world.apply(ended(calls[0], Disposition.ANSWERED_HUMAN))
    states = [row.state for row in await world.rows(batch_id)]
    expired, cancelled = ScheduledCallState.EXPIRED, ScheduledCallState.CANCELLED
    assert states == [ScheduledCallState.COMPLETED, expired, expired, cancelled]
    assert (await world.get(batch_id)).ended_at is not None
    await world.retry(batch_id, expired, window_end=world.later(minutes=9))
    assert shown(await world.sending()) == [FRONT]
    await check_invariants(world.store)
