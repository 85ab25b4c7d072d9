"""Which number a call shows, and that no number has more calls than it may."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from outdial_server.domain import batch as rules
from outdial_server.domain.batch import RetryCallerId
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.errors import (
    ExhaustedError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.explanation import batch_answers, row_answers, row_verdict
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import AgentId, BatchId, CarrierConfigId, PhoneNumberId
from outdial_server.domain.phone_number import Capability, PhoneNumber, PhoneNumberFields
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.sending import mark_sending
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import World, ended, new_row, new_rows, not_sent

FRONT, BACK, SIDE, FREE = "+15550001111", "+15550002222", "+15550003333", "+15550009999"
SEQUENTIAL, ROUND_ROBIN = Rotation.SEQUENTIAL, Rotation.ROUND_ROBIN


async def make(world: World, address: str = FRONT, **values: Any) -> PhoneNumber:
    return await world.store.phone_numbers.create_phone_number(
        world.account_id, PhoneNumberId(world.ids.new_id()), address, PhoneNumberFields(**values)
    )


async def change(world: World, number: PhoneNumber, **values: Any) -> None:
    fields = PhoneNumberFields(**values)
    await world.store.phone_numbers.change_phone_number(
        world.account_id, number.phone_number_id, lambda present: fields
    )


async def bind(world: World, *numbers: PhoneNumber, agent_id: AgentId | None = None) -> None:
    for number in numbers:
        await world.store.phone_numbers.bind_phone_number(
            world.account_id, number.phone_number_id, agent_id or world.agent_id
        )


async def three(world: World, **values: Any) -> list[PhoneNumber]:
    return [await make(world, address, **values) for address in (FRONT, BACK, SIDE)]


async def active(world: World, number: PhoneNumber) -> int:
    found = await world.store.phone_numbers.get_phone_number(
        world.account_id, number.phone_number_id
    )
    return found.active_calls


async def everybody(world: World) -> list[ClaimedCall]:
    """All whom claims take one after another."""
    calls: list[ClaimedCall] = []
    while (found := await world.store.dispatch.claim(100)).calls or found.more:
        calls += found.calls
    await world.send(calls)
    return calls


def shown(calls: Sequence[ClaimedCall]) -> list[str]:
    return [call.caller_id for call in calls]


async def scope_answer(world: World, batch_id: BatchId, gate: str) -> GateAnswer:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    (found,) = [a.answer for a in batch_answers(standing) if a.answer.gate == gate]
    return found


async def row_answer(world: World, batch_id: BatchId, position: int) -> GateAnswer:
    row = await world.row(batch_id, position)
    standings = world.store.standings
    standing = await standings.row_standing(world.account_id, row.scheduled_call_id)
    assert standing.candidate is not None
    answers = row_answers(standing, standing.candidate)
    (found,) = [a.answer for a in answers if a.answer.gate == "caller_id"]
    assert row_verdict(standing, standing.candidate, answers).next_at in (None, found.next_at)
    return found


# --- rotation


async def test_round_robin_goes_on_over_claims_pause_and_resume(world: World) -> None:
    await three(world)
    batch_id = await world.batch(7, phone_numbers=(FRONT, BACK, SIDE), rotation=ROUND_ROBIN)
    assert shown(await world.sending(2)) == [FRONT, BACK]
    await world.change(batch_id, rules.pause)
    await world.change(batch_id, rules.resume)
    assert shown(await world.sending(4)) == [SIDE, FRONT, BACK, SIDE]
    assert shown(await world.sending()) == [FRONT]


async def test_sequential_moves_on_when_a_number_is_full(world: World) -> None:
    front, back = await make(world, max_concurrent_calls=2), await make(world, BACK)
    await world.batch(8, phone_numbers=(FRONT, BACK), rotation=SEQUENTIAL)
    first = await world.sending(1)
    assert shown(first) == [FRONT]
    assert shown(await world.sending(3)) == [FRONT, BACK, BACK]
    assert (await active(world, front), await active(world, back)) == (2, 2)
    await world.apply(*(ended(call) for call in first))
    assert shown(await world.sending(1)) == [BACK], "it does not go back before it must"
    await change(world, back, active=False)
    assert shown(await world.sending(1)) == [FRONT]
    await change(world, back)
    assert shown(await world.sending()) == [BACK, BACK]


async def test_random_takes_one_of_those_with_a_free_slot(world: World) -> None:
    await three(world, max_concurrent_calls=2)
    await world.batch(9, phone_numbers=(FRONT, BACK, SIDE))
    assert sorted(shown(await world.sending())) == [FRONT, FRONT, BACK, BACK, SIDE, SIDE]


async def test_numbers_are_named_by_id_or_by_address_and_count_once(world: World) -> None:
    front, back, _ = await three(world)
    names = (back.phone_number_id, FRONT, BACK)
    batch_id = await world.batch(3, phone_numbers=names, rotation=ROUND_ROBIN)
    settings = (await world.get(batch_id)).settings
    assert settings.phone_numbers == (back.phone_number_id, front.phone_number_id)
    assert shown(await world.sending()) == [BACK, FRONT, BACK]


async def test_a_changed_list_counts_from_the_next_call_on(world: World) -> None:
    await three(world)
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
    front, back, side = await three(world)
    await bind(world, side, front)
    batch_id = await world.batch(5, rotation=ROUND_ROBIN)
    assert shown(await world.sending(3)) == [SIDE, FRONT, SIDE]
    other = await world.new_agent("Bob")
    await world.batch(new_rows(1, 50), agent_id=other)
    await world.store.phone_numbers.unbind_phone_number(world.account_id, front.phone_number_id)
    await bind(world, back)
    assert sorted(shown(await world.sending(3))) == ["", BACK, SIDE]
    assert (await world.get(batch_id)).settings.phone_numbers == ()


async def test_another_account_has_no_use_of_our_numbers(world: World) -> None:
    await make(world)
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
    await three(world)
    batch_id = await world.batch(3, phone_numbers=(FRONT, BACK), caller_id=FREE)
    assert shown(await world.sending(1)) == [FREE]
    await world.edit(batch_id, caller_id=SIDE)
    assert shown(await world.sending(1)) == [SIDE]
    await world.edit(batch_id, caller_id="", rotation=ROUND_ROBIN)
    assert shown(await world.sending(1)) == [FRONT]


async def test_a_caller_id_that_is_a_number_of_the_account_counts_in_its_slots(
    world: World,
) -> None:
    front = await make(world, max_concurrent_calls=2)
    batch_id = await world.batch(4, caller_id=FRONT)
    calls = await world.sending()
    assert shown(calls) == [FRONT, FRONT]
    assert await active(world, front) == 2
    answer = await scope_answer(world, batch_id, "numbers")
    assert (answer.budget, answer.reason, answer.waits_for) == (0, "NUMBERS_FULL", "ANY_CALL_ENDS")
    assert answer.figures == {"numbers": 1, "usable": 1, "used": 2, "cap": 2}
    await world.apply(ended(calls[0]))
    assert shown(await world.sending()) == [FRONT]
    await world.batch(new_rows(3, 50), caller_id=FREE)
    assert shown(await world.sending()) == [FREE] * 3, "a mere text has no limit"


async def test_a_row_of_its_own_caller_id_shows_that_one(world: World) -> None:
    front, back, _ = await three(world, max_concurrent_calls=1)
    rows = [new_row(0, caller_id=FREE), new_row(1, caller_id=BACK), new_row(2)]
    await world.batch(rows, phone_numbers=(FRONT,))
    calls = await everybody(world)
    assert {c.address[-1]: c.caller_id for c in calls} == {"0": FREE, "1": BACK, "2": FRONT}
    assert (await active(world, front), await active(world, back)) == (1, 1)
    await world.apply(*(ended(call) for call in calls))
    assert (await active(world, front), await active(world, back)) == (0, 0)


# --- rows that wait for a number


async def test_who_waits_for_a_full_number_stands_in_nobodys_way(world: World) -> None:
    await make(world, max_concurrent_calls=1)
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
    await make(world, max_concurrent_calls=1)
    await world.batch([new_row(n, caller_id=FRONT) for n in range(1200)])
    claims = world.store.dispatch.claim
    found = [await claims(10) for _ in range(5)]
    assert [len(claims.calls) for claims in found] == [1, 0, 0, 0, 0]
    assert [claims.more for claims in found] == [True, True, True, False, False]
    assert found[-1].next_due_at is None
    due = await world.sql("SELECT COUNT(*) FROM scheduled_calls WHERE due_us <= :now", now=2**53)
    assert due == [(0,)]


async def test_who_is_first_gets_the_slot_that_comes_free(world: World) -> None:
    await make(world, max_concurrent_calls=1)
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
    await make(world, max_concurrent_calls=1)
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
    await make(world, max_concurrent_calls=2)
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
    await make(world, max_concurrent_calls=1)
    low = await world.batch([new_row(n, caller_id=FRONT) for n in range(4)])
    high = await world.batch([new_row(n, caller_id=FRONT) for n in range(10, 14)], priority=9)
    calls = await turns_at(world, 8)
    assert [call.batch_id for call in calls] == [*[high] * 4, *[low] * 4]


async def test_equal_batches_take_turns_at_a_number(world: World) -> None:
    await make(world, max_concurrent_calls=1)
    batches = [
        await world.batch([new_row(n, caller_id=FRONT) for n in range(start, start + 4)])
        for start in (0, 10)
    ]
    calls = await turns_at(world, 8)
    assert [call.batch_id for call in calls] == batches * 4


async def test_a_direct_call_that_waits_is_first_at_its_number(world: World) -> None:
    await make(world, max_concurrent_calls=1)
    await world.batch([new_row(n, caller_id=FRONT) for n in range(4)])
    (call,) = await everybody(world)
    direct = new_row(50, caller_id=FRONT)
    made = await world.direct(direct, wait_until=world.later(hours=1))
    assert made.claimed is None
    await world.apply(ended(call))
    (call,) = await everybody(world)
    assert call.address == direct.address


async def test_a_number_that_is_not_active_holds_those_bound_to_it(world: World) -> None:
    front = await make(world)
    batch_id = await world.batch([new_row(0, caller_id=FRONT), new_row(1)])
    await change(world, front, active=False)
    assert shown(await world.sending()) == [""]
    answer = await row_answer(world, batch_id, 0)
    assert (answer.reason, answer.waits_for) == ("NUMBER_NOT_USABLE", "CONFIGURATION")
    await change(world, front, capabilities=Capability.SMS)
    assert await world.claim() == []
    await change(world, front)
    assert shown(await world.sending()) == [FRONT]


async def test_a_number_that_is_deleted_is_a_mere_text_to_those_bound_to_it(world: World) -> None:
    front = await make(world, max_concurrent_calls=1)
    await world.batch([new_row(n, caller_id=FRONT) for n in range(3)])
    (first,) = await world.sending()
    assert await world.claim() == []
    await world.store.phone_numbers.delete_phone_number(world.account_id, front.phone_number_id)
    assert shown(await world.sending()) == [FRONT, FRONT]
    await world.apply(ended(first))
    assert await world.sql("SELECT used FROM slots WHERE kind = 6") == [(0,)]


async def test_who_waits_for_a_number_ends_with_the_batch(world: World) -> None:
    await make(world, max_concurrent_calls=1)
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


# --- retries

BUSY_AGAIN = RetryPolicy((RetryRule(Disposition.BUSY, FixedDelays((timedelta(seconds=1),))),))


async def retried(world: World, calls: Sequence[ClaimedCall]) -> list[ClaimedCall]:
    await world.apply(*(ended(call, Disposition.BUSY) for call in calls))
    world.advance(seconds=2)
    return await world.sending()


async def test_a_retry_shows_the_number_of_the_first_try(world: World) -> None:
    front, back, _ = await three(world)
    batch_id = await world.batch(
        3, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN, retry_policy=BUSY_AGAIN
    )
    assert shown(first := await world.sending()) == [FRONT, BACK, FRONT]
    await world.edit(batch_id, phone_numbers=(SIDE,))
    assert shown(await retried(world, first)) == [FRONT, BACK, FRONT]
    assert (await active(world, front), await active(world, back)) == (2, 1)


async def test_a_retry_chooses_again_when_the_batch_says_so(world: World) -> None:
    await three(world)
    await world.batch(
        1,
        phone_numbers=(FRONT, BACK),
        rotation=ROUND_ROBIN,
        retry_policy=BUSY_AGAIN,
        retry_caller_id=RetryCallerId.CHOOSE_AGAIN,
    )
    first = await world.sending()
    assert shown(first) == [FRONT]
    assert shown(await retried(world, first)) == [BACK]


@pytest.mark.parametrize("gone", ["inactive", "deleted"])
async def test_a_number_that_cannot_be_used_any_more_is_not_kept(world: World, gone: str) -> None:
    front, _, _ = await three(world)
    await bind(world, front)
    batch_id = await world.batch(1, retry_policy=BUSY_AGAIN)
    first = await world.sending()
    assert shown(first) == [FRONT]
    await world.edit(batch_id, phone_numbers=(BACK,))
    if gone == "inactive":
        await change(world, front, active=False)
    else:
        numbers = world.store.phone_numbers
        await numbers.delete_phone_number(world.account_id, front.phone_number_id)
    assert shown(await retried(world, first)) == [BACK]


async def test_a_retry_that_waits_for_its_number_is_let_go_when_it_need_not_keep_it(
    world: World,
) -> None:
    front, _, _ = await three(world, max_concurrent_calls=1)
    batch_id = await world.batch(
        1, phone_numbers=(FRONT, BACK), rotation=SEQUENTIAL, retry_policy=BUSY_AGAIN
    )
    first = await world.sending()
    await world.apply(ended(first[0], Disposition.BUSY))
    await world.batch(new_rows(1, 50), caller_id=FRONT)
    other = await world.sending()
    assert shown(other) == [FRONT]
    world.advance(seconds=2)
    assert await world.claim() == []
    await world.edit(batch_id, retry_caller_id=RetryCallerId.CHOOSE_AGAIN)
    await world.settle_all()
    assert shown(await world.sending()) == [BACK]
    assert await active(world, front) == 1


# --- batches without a number


async def test_a_batch_whose_numbers_cannot_be_used_is_not_made_or_started(world: World) -> None:
    front, back, _ = await three(world)
    await bind(world, front)
    draft_id = await world.batch(1, draft=True)
    await change(world, front, active=False)
    await change(world, back, capabilities=Capability.INBOUND_VOICE)
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
    await change(world, front)
    assert (await world.change(draft_id, rules.start)).state.name == "RUNNING"


async def test_a_batch_that_runs_is_held_until_a_number_can_be_used(world: World) -> None:
    front = await make(world)
    batch_id = await world.batch(2, phone_numbers=(FRONT,))
    await change(world, front, active=False)
    assert await world.claim() == []
    answer = await scope_answer(world, batch_id, "numbers")
    assert (answer.reason, answer.figures) == ("NO_USABLE_NUMBER", {"numbers": 1, "usable": 0})
    assert answer.is_for_good, "no event is named that would open it"
    await change(world, front)
    assert shown(await world.sending()) == [FRONT, FRONT]


async def test_a_number_that_is_listed_is_not_deleted_before_the_batch_has_ended(
    world: World,
) -> None:
    front = await make(world)
    batch_id = await world.batch(1, phone_numbers=(FRONT,))
    numbers = world.store.phone_numbers
    with pytest.raises(PreconditionError) as caught:
        await numbers.delete_phone_number(world.account_id, front.phone_number_id)
    assert caught.value.reason is Reason.PHONE_NUMBER_IN_USE
    assert caught.value.metadata == {"batches": "1", "batch_id": batch_id}
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    await numbers.delete_phone_number(world.account_id, front.phone_number_id)


# --- at SENDING, and what slots are worth


async def test_a_number_that_is_made_inactive_after_the_claim_is_not_shown(world: World) -> None:
    front = await make(world)
    await world.batch(2, phone_numbers=(FRONT,))
    calls = await world.claim()
    await change(world, front, active=False)
    sent = await world.send(calls)
    assert (sent.calls, sent.given_back) == ((), 2)
    assert await active(world, front) == 0
    await change(world, front)
    assert shown(await world.sending()) == [FRONT, FRONT]


async def test_a_number_that_is_taken_from_its_agent_after_the_claim_is_not_shown(
    world: World,
) -> None:
    front, back, _ = await three(world)
    await bind(world, front)
    numbers = world.store.phone_numbers
    await world.batch(1)
    # Who names it shows it, whoever has it.
    await world.batch(new_rows(1, 1), phone_numbers=(FRONT,))
    await world.batch(new_rows(1, 2), caller_id=FRONT)
    await world.batch([new_row(3, caller_id=FRONT)])
    calls = await world.claim()
    assert shown(calls) == [FRONT] * 4
    await numbers.unbind_phone_number(world.account_id, front.phone_number_id)
    await bind(world, back)
    sent = await world.send(calls)
    assert len(sent.calls) == 3
    assert sent.given_back == 1
    (again,) = await world.sending()
    assert (again.call_id, again.caller_id) == (calls[0].call_id, BACK)
    assert await active(world, front) == 3
    await check_invariants(world.store)


async def test_a_retry_keeps_the_number_of_its_first_try_whoever_has_it_now(world: World) -> None:
    front = await make(world)
    await bind(world, front)
    policy = RetryPolicy(
        (RetryRule(Disposition.NO_ANSWER, FixedDelays((timedelta(minutes=1),))),), 2
    )
    await world.batch(1, retry_policy=policy)
    (call,) = await world.live()
    await world.apply(ended(call, Disposition.NO_ANSWER))
    world.advance(minutes=1)
    claimed = await world.claim()
    await world.store.phone_numbers.unbind_phone_number(world.account_id, front.phone_number_id)
    assert shown((await world.send(claimed)).calls) == [FRONT]


async def test_a_call_that_was_not_sent_may_show_another_number(world: World) -> None:
    front, back, _ = await three(world, max_concurrent_calls=1)
    await world.batch(1, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    assert await active(world, front) == 0
    world.advance(minutes=2)
    (again,) = await world.sending()
    assert (again.call_id, again.caller_id) == (call.call_id, BACK)
    assert (await active(world, front), await active(world, back)) == (0, 1)
    await check_invariants(world.store)


async def test_batches_with_a_number_in_common_share_what_it_has(world: World) -> None:
    await make(world, max_concurrent_calls=3)
    await make(world, BACK, max_concurrent_calls=2)
    first = await world.batch(9, phone_numbers=(FRONT,))
    second = await world.batch(new_rows(9, 50), phone_numbers=(FRONT, BACK), rotation=SEQUENTIAL)
    calls = await everybody(world)
    assert sorted(shown(calls)) == [FRONT, FRONT, FRONT, BACK, BACK]
    assert {call.batch_id for call in calls} == {first, second}


async def test_a_lower_limit_lets_calls_end_first(world: World) -> None:
    front = await make(world, max_concurrent_calls=3)
    await world.batch(9, phone_numbers=(FRONT,))
    calls = await world.sending()
    assert len(calls) == 3
    await change(world, front, max_concurrent_calls=1)
    await world.apply(ended(calls[0]), ended(calls[1]))
    assert await world.claim() == []
    await world.apply(ended(calls[2]))
    assert len(await world.sending()) == 1


async def test_an_account_without_numbers_says_nothing_about_them(world: World) -> None:
    await world.batch([new_row(0, caller_id=FREE), *new_rows(3, 1)], retry_policy=BUSY_AGAIN)

    claims, statements = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
    _, sending = await said_by(world.store, lambda tx: mark_sending(tx, claims.calls))
    about_numbers = ("phone_numbers n", "held_rows", "INTO rotations")
    said = [*statements, *sending]
    assert [sql for sql in said if any(words in sql for words in about_numbers)] == []


async def claim_statements(world: World) -> int:
    _, said = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
    return len(said)


async def test_numbers_that_hold_cost_a_claim_no_statement_each(world: World) -> None:
    numbers = [f"+1555000{n:04d}" for n in range(12)]
    costs = []
    for some in (numbers[:3], numbers[3:]):
        for number in some:
            await make(world, number, max_concurrent_calls=1)
        first = len(costs) * 100
        rows = [
            new_row(first + 2 * place + n, caller_id=number)
            for place, number in enumerate(some)
            for n in range(2)
        ]
        batch_id = await world.batch(rows)
        # One of each number is called, and the other waits for it.
        calls = await world.sending()
        assert sorted(shown(calls)) == some
        costs.append(await claim_statements(world))
        await world.change(batch_id, rules.cancel)
        await world.settle_all()
        await world.apply(*map(ended, calls))
    assert costs[0] == costs[1]


async def test_what_rows_and_batches_show_is_looked_up_together(world: World) -> None:
    numbers = [f"+1555000{n:04d}" for n in range(12)]
    for number in numbers:
        await make(world, number)
    costs = []
    for first, some in ((0, numbers[:3]), (100, numbers[3:])):
        await world.batch([new_row(first + n, caller_id=text) for n, text in enumerate(some)])
        claims, said = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
        await world.send(claims.calls)
        costs.append(len(said))
    assert costs[0] == costs[1], "of one batch, with a number of its own for each person"


async def test_a_caller_id_for_each_batch_costs_no_statement_each(world: World) -> None:
    numbers = [f"+1555000{n:04d}" for n in range(9)]
    for number in numbers:
        await make(world, number)
    looked_up = []
    for some in (numbers[:2], numbers[2:]):
        for number in some:
            await world.batch(1, caller_id=number)
        _, said = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
        looked_up.append(len([sql for sql in said if "FROM phone_numbers n" in sql]))
    assert looked_up == [1, 1]


# --- carrier configs


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
    front = await make(world, carrier_config="small")
    assert front.fields.carrier_config == small, "it is read back as its id"
    await make(world, BACK, carrier_config=large)
    await make(world, SIDE)
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
    await three(world, carrier_config=shared)
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
        await make(world, address, carrier_config=await config(world, name, rate=1))
    await world.batch(5, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN)
    assert len(await world.claim()) == 2
    assert await world.claim() == [], "they are left room for until they are sent"


async def test_a_batch_goes_on_when_a_rate_of_its_numbers_has_room_again(world: World) -> None:
    await make(world, carrier_config=await config(world, rate=1))
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
    await make(world, carrier_config=await config(world, rate=1))
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
    await make(world, carrier_config=of_number)
    await world.batch(3, phone_numbers=(FRONT,), carrier_config=of_batch)
    assert len(await everybody(world)) == 3
    assert (await alive(world, of_number), await alive(world, of_batch)) == (0, 3)


async def test_a_number_of_another_carrier_is_of_no_use_to_a_batch(world: World) -> None:
    elsewhere = await config(world, carrier="elsewhere")
    front = await make(world, carrier_config=elsewhere)
    with pytest.raises(PreconditionError) as refused:
        await world.batch(1, phone_numbers=(FRONT,))
    assert refused.value.reason is Reason.NO_USABLE_NUMBER
    await change(world, front)
    batch_id = await world.batch(2, caller_id=FRONT)
    assert shown(await world.sending(1)) == [FRONT]
    await change(world, front, carrier_config=elsewhere)
    assert await world.claim() == []
    assert (await scope_answer(world, batch_id, "numbers")).reason == "NO_USABLE_NUMBER"
    await change(world, front)
    assert shown(await world.sending()) == [FRONT]


async def test_a_carrier_config_that_a_number_names_is_not_deleted(world: World) -> None:
    used = await config(world)
    front = await make(world, carrier_config="main")
    with pytest.raises(PreconditionError) as refused:
        await world.store.carrier_configs.delete_carrier_config(world.account_id, used)
    assert refused.value.reason is Reason.CARRIER_CONFIG_IN_USE
    assert refused.value.metadata == {"batches": "0", "phone_numbers": "1", "calls": "0"}
    with pytest.raises(NotFoundError) as unknown:
        await change(world, front, carrier_config="other")
    assert unknown.value.reason is Reason.CARRIER_CONFIG_NOT_FOUND
    await change(world, front)
    await world.store.carrier_configs.delete_carrier_config(world.account_id, used)


async def test_a_call_that_was_not_sent_may_be_dialled_with_another_config(world: World) -> None:
    one, two = await config(world, "one"), await config(world, "two")
    front = await make(world, carrier_config=one)
    await world.batch(1, phone_numbers=(FRONT,))
    (call,) = await world.sending()
    await change(world, front, carrier_config=two)
    await world.apply(not_sent(call))
    assert (await alive(world, one), await alive(world, two)) == (0, 0)
    world.clock.advance(timedelta(minutes=1))
    assert len(await world.claim()) == 1
    assert (await alive(world, one), await alive(world, two)) == (0, 1)
    await check_invariants(world.store)


# --- forecasts


async def test_who_is_held_is_due_in_forecasts_and_where_a_row_is_shown(world: World) -> None:
    await make(world, max_concurrent_calls=1)
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
    front = await make(world, max_concurrent_calls=1)
    await bind(world, front)
    call = (await world.direct()).claimed
    assert call is not None
    assert call.caller_id == FRONT
    assert await active(world, front) == 1
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
    front = await make(world, active=False)
    await bind(world, front)
    with pytest.raises(PreconditionError) as refused:
        await world.direct()
    assert refused.value.reason is Reason.NO_USABLE_NUMBER
    await check_invariants(world.store)
