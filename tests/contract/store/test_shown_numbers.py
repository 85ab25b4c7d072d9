"""Which number a call shows when something has changed since its claim, or since an earlier try."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch_policies import RetryCallerId
from outdial_server.domain.call import Disposition
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.sending import mark_sending
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
    shown,
    three_numbers,
)
from support.statements import said_by
from support.stores import World, ended, new_row, new_rows, not_sent

# --- retries


BUSY_AGAIN = RetryPolicy((RetryRule(Disposition.BUSY, FixedDelays((timedelta(seconds=1),))),))


async def retried(world: World, calls: Sequence[ClaimedCall]) -> list[ClaimedCall]:
    await world.apply(*(ended(call, Disposition.BUSY) for call in calls))
    world.advance(seconds=2)
    return await world.sending()


async def test_a_retry_shows_the_number_of_the_first_try(world: World) -> None:
    front, back, _ = await three_numbers(world)
    batch_id = await world.batch(
        3, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN, retry_policy=BUSY_AGAIN
    )
    assert shown(first := await world.sending()) == [FRONT, BACK, FRONT]
    await world.edit(batch_id, phone_numbers=(SIDE,))
    assert shown(await retried(world, first)) == [FRONT, BACK, FRONT]
    assert (await active_calls(world, front), await active_calls(world, back)) == (2, 1)


async def test_a_retry_chooses_again_when_the_batch_says_so(world: World) -> None:
    await three_numbers(world)
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
    front, _, _ = await three_numbers(world)
    await bind_numbers(world, front)
    batch_id = await world.batch(1, retry_policy=BUSY_AGAIN)
    first = await world.sending()
    assert shown(first) == [FRONT]
    await world.edit(batch_id, phone_numbers=(BACK,))
    if gone == "inactive":
        await change_number(world, front, active=False)
    else:
        numbers = world.store.phone_numbers
        await numbers.delete_phone_number(world.account_id, front.phone_number_id)
    assert shown(await retried(world, first)) == [BACK]


async def test_a_retry_that_waits_for_its_number_is_let_go_when_it_need_not_keep_it(
    world: World,
) -> None:
    front, _, _ = await three_numbers(world, max_concurrent_calls=1)
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
    assert await active_calls(world, front) == 1


# --- at SENDING, and what slots are worth


async def test_a_number_that_is_made_inactive_after_the_claim_is_not_shown(world: World) -> None:
    front = await new_number(world)
    await world.batch(2, phone_numbers=(FRONT,))
    calls = await world.claim()
    await change_number(world, front, active=False)
    sent = await world.send(calls)
    assert (sent.calls, sent.given_back) == ((), 2)
    assert await active_calls(world, front) == 0
    await change_number(world, front)
    assert shown(await world.sending()) == [FRONT, FRONT]


async def test_a_number_that_is_taken_from_its_agent_after_the_claim_is_not_shown(
    world: World,
) -> None:
    front, back, _ = await three_numbers(world)
    await bind_numbers(world, front)
    numbers = world.store.phone_numbers
    await world.batch(1)
    # Who names it shows it, whoever has it.
    await world.batch(new_rows(1, 1), phone_numbers=(FRONT,))
    await world.batch(new_rows(1, 2), caller_id=FRONT)
    await world.batch([new_row(3, caller_id=FRONT)])
    calls = await world.claim()
    assert shown(calls) == [FRONT] * 4
    await numbers.unbind_phone_number(world.account_id, front.phone_number_id)
    await bind_numbers(world, back)
    sent = await world.send(calls)
    assert len(sent.calls) == 3
    assert sent.given_back == 1
    (again,) = await world.sending()
    assert (again.call_id, again.caller_id) == (calls[0].call_id, BACK)
    assert await active_calls(world, front) == 3
    await check_invariants(world.store)


async def test_a_retry_keeps_the_number_of_its_first_try_whoever_has_it_now(world: World) -> None:
    front = await new_number(world)
    await bind_numbers(world, front)
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
    front, back, _ = await three_numbers(world, max_concurrent_calls=1)
    await world.batch(1, phone_numbers=(FRONT, BACK), rotation=ROUND_ROBIN)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    assert await active_calls(world, front) == 0
    world.advance(minutes=2)
    (again,) = await world.sending()
    assert (again.call_id, again.caller_id) == (call.call_id, BACK)
    assert (await active_calls(world, front), await active_calls(world, back)) == (0, 1)
    await check_invariants(world.store)


async def test_batches_with_a_number_in_common_share_what_it_has(world: World) -> None:
    await new_number(world, max_concurrent_calls=3)
    await new_number(world, BACK, max_concurrent_calls=2)
    first = await world.batch(9, phone_numbers=(FRONT,))
    second = await world.batch(new_rows(9, 50), phone_numbers=(FRONT, BACK), rotation=SEQUENTIAL)
    calls = await everybody(world)
    assert sorted(shown(calls)) == [FRONT, FRONT, FRONT, BACK, BACK]
    assert {call.batch_id for call in calls} == {first, second}


async def test_a_lower_limit_lets_calls_end_first(world: World) -> None:
    front = await new_number(world, max_concurrent_calls=3)
    await world.batch(9, phone_numbers=(FRONT,))
    calls = await world.sending()
    assert len(calls) == 3
    await change_number(world, front, max_concurrent_calls=1)
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
            await new_number(world, number, max_concurrent_calls=1)
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
        await new_number(world, number)
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
        await new_number(world, number)
    looked_up = []
    for some in (numbers[:2], numbers[2:]):
        for number in some:
            await world.batch(1, caller_id=number)
        _, said = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
        looked_up.append(len([sql for sql in said if "FROM phone_numbers n" in sql]))
    assert looked_up == [1, 1]
