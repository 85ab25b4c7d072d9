"""Claims: who is dialled next, and never more than every limit allows."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.call import CallTimes
from outdial_server.domain.ids import AgentId, BatchId
from outdial_server.domain.report import ReportKind
from outdial_server.domain.silence import LEASE
from outdial_server.domain.transition import RETRY_NOT_SENT_AFTER, RETRY_NOT_SENT_MOST
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import (
    World,
    addresses,
    ended,
    ids_of,
    new_row,
    new_rows,
    not_sent,
    number,
    refused,
    report,
    unclear,
)


async def _cap_account(world: World, cap: int, reserve: int = 0) -> None:
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, max_concurrent_calls=cap, reserved_slots=reserve)
    )


async def _cap_agent(world: World, agent_id: AgentId, cap: int | None) -> None:
    await world.store.agents.change_agent(
        world.account_id, agent_id, lambda a: replace(a.fields, max_concurrent_calls=cap)
    )


def by_batch(calls: list[ClaimedCall]) -> Counter[BatchId]:
    return Counter(call.batch_id for call in calls)


# --- order


async def test_a_call_to_one_person_may_last_as_long_as_said_for_them(world: World) -> None:
    own = {"max_call_duration": timedelta(seconds=40)}
    rows = [new_row(0), new_row(1, **own), new_row(2, ring_timeout=timedelta(seconds=5), **own)]
    batch_id = await world.batch(
        rows, ring_timeout=timedelta(seconds=20), max_call_duration=timedelta(seconds=90)
    )
    calls = await world.sending()
    assert [call.times for call in calls] == [
        CallTimes(timedelta(seconds=20), timedelta(seconds=90)),
        CallTimes(timedelta(seconds=20), timedelta(seconds=40)),
        CallTimes(timedelta(seconds=5), timedelta(seconds=40)),
    ]
    lengths = [row.max_call_duration for row in await world.rows(batch_id)]
    assert lengths == [None, timedelta(seconds=40), timedelta(seconds=40)]
    await world.apply(not_sent(calls[1]))
    world.advance(seconds=1)
    await world.edit(batch_id, max_call_duration=timedelta(seconds=95))
    (again,) = await world.claim()
    assert again.times == calls[1].times
    kept = await world.sql("SELECT max_duration_s FROM calls ORDER BY key")
    assert kept == [(90,), (40,), (40,)]


async def test_a_person_may_have_a_ring_time_of_their_own(world: World) -> None:
    rows = [new_row(0), new_row(1, ring_timeout=timedelta(seconds=1))]
    batch_id = await world.batch(rows, ring_timeout=timedelta(seconds=20))
    plain, own = await world.sending()
    assert plain.times.ring_timeout == timedelta(seconds=20)
    assert own.times == replace(plain.times, ring_timeout=timedelta(seconds=1))
    assert [row.ring_timeout for row in await world.rows(batch_id)] == [None, timedelta(seconds=1)]
    await world.apply(not_sent(own))
    world.advance(seconds=1)
    await world.edit(batch_id, ring_timeout=timedelta(seconds=25))
    (again,) = await world.claim()
    assert again.times.ring_timeout == timedelta(seconds=1)
    kept = await world.sql("SELECT ring_timeout_s FROM calls ORDER BY key")
    assert kept == [(20,), (1,)]


async def test_a_claim_carries_all_that_the_carrier_must_be_told(world: World) -> None:
    batch_id = await world.batch(
        [
            new_row(1, template_context_json='{"a": 1.0}', metadata={"k": "v"}),
            new_row(2, caller_id="+15550003"),
        ],
        caller_id="+15550009",
        ring_timeout=timedelta(seconds=20),
        max_call_duration=timedelta(seconds=90),
    )
    one, two = await world.claim()
    assert (one.account_id, one.batch_id, one.carrier) == (world.account_id, batch_id, "simulated")
    assert (one.address, one.caller_id, one.fence) == (number(1), "+15550009", 1)
    assert one.times == CallTimes(timedelta(seconds=20), timedelta(seconds=90))
    assert (one.template_context_json, one.metadata_json) == ('{"a": 1.0}', '{"k":"v"}')
    assert (two.caller_id, two.template_context_json, two.metadata_json) == ("+15550003", "", "")


async def test_whoever_is_given_back_keeps_their_place(world: World) -> None:
    batch_id = await world.batch(4)
    world.advance(seconds=5)
    first = await world.store.dispatch.claim(2)
    await world.change(batch_id, rules.pause)
    assert (await world.send(list(first.calls))).given_back == 2
    await world.change(batch_id, rules.resume)
    again = await world.store.dispatch.claim(2)
    assert addresses(again.calls) == [number(0), number(1)]
    await check_invariants(world.store)


async def test_whoever_was_claimed_by_a_server_that_is_gone_keeps_their_place(
    world: World,
) -> None:
    await world.batch(4)
    world.advance(seconds=5)
    await world.store.dispatch.claim(2)
    assert (await world.store.dispatch.reap(every_lease=True)).given_back == 2
    again = await world.store.dispatch.claim(2)
    assert addresses(again.calls) == [number(0), number(1)]


async def test_whoever_was_not_sent_is_not_behind_those_who_come_after_them(world: World) -> None:
    await world.batch(4)
    world.advance(seconds=5)
    claims = await world.store.dispatch.claim(1)
    (call,) = (await world.send(list(claims.calls))).calls
    await world.apply(not_sent(call))
    world.advance(seconds=1)
    again = await world.store.dispatch.claim(2)
    assert addresses(again.calls) == [number(0), number(1)]
    await check_invariants(world.store)


async def test_rows_are_claimed_by_position_and_once(world: World) -> None:
    await world.batch(5)
    first = await world.store.dispatch.claim(3)
    assert addresses(first.calls) == [number(0), number(1), number(2)]
    assert first.more
    second = await world.store.dispatch.claim(3)
    assert addresses(second.calls) == [number(3), number(4)]
    assert not second.more
    assert (await world.store.dispatch.claim(3)).calls == ()
    await check_invariants(world.store)


async def test_rows_of_higher_priority_come_first(world: World) -> None:
    await world.batch([new_row(n, priority=n % 3) for n in range(7)])
    order = [2, 5, 1, 4, 0, 3, 6]
    assert addresses(await world.claim()) == [number(n) for n in order]


async def test_what_came_later_is_claimed_after_what_was_there(world: World) -> None:
    batch_id = await world.batch(2)
    world.advance(seconds=1)
    await world.add(batch_id, [new_row(7), new_row(8, priority=1)])
    assert addresses(await world.claim()) == [number(n) for n in (8, 0, 1, 7)]


async def test_a_row_turned_away_comes_back_at_its_moment(world: World) -> None:
    await world.batch(3)
    calls = await world.sending(2)
    await world.apply(
        not_sent(calls[0], timedelta(seconds=20)), not_sent(calls[1], timedelta(seconds=5))
    )
    claims = await world.store.dispatch.claim(10)
    assert addresses(claims.calls) == [number(2)]
    assert claims.next_due_at == world.later(seconds=5)
    world.advance(seconds=5)
    claims = await world.store.dispatch.claim(10)
    assert addresses(claims.calls) == [number(1)]
    assert claims.next_due_at == world.later(seconds=15)
    world.advance(seconds=15)
    claims = await world.store.dispatch.claim(10)
    assert addresses(claims.calls) == [number(0)]
    assert claims.next_due_at is None


async def test_a_due_retry_comes_before_fresh_rows_of_its_priority(world: World) -> None:
    rows = [new_row(0), new_row(1), new_row(2), new_row(3, priority=1)]
    await world.batch(rows, unknown_policy=UnknownPolicy.RECONCILED_RETRY)
    (urgent,) = await world.live(1)
    await world.apply(ended(urgent))
    (first,) = await world.sending(1)
    await world.apply(unclear(first))
    world.advance(seconds=40)
    await world.apply(report(first, ReportKind.NOT_PLACED))
    retried, fresh, _ = await world.claim()
    assert (retried.address, fresh.address) == (number(0), number(1))
    assert retried.call_id != first.call_id
    await check_invariants(world.store)


# --- which batches


async def test_only_running_batches_are_claimed(world: World) -> None:
    await world.batch(1, draft=True)
    await world.batch(1, window_start=world.later(seconds=10))
    await world.change(await world.batch(1), rules.pause)
    await world.change(await world.batch(1), rules.cancel)
    await world.change(await world.batch(1), rules.delete)
    running = await world.batch(1)
    assert [call.batch_id for call in await world.claim()] == [running]


async def test_nothing_is_claimed_once_the_window_has_closed(world: World) -> None:
    await world.batch(2, window_end=world.later(seconds=10))
    world.advance(seconds=10, microseconds=-1)
    assert len(await world.claim(1)) == 1
    world.advance(microseconds=1)
    assert await world.claim() == []


async def test_an_open_window_does_not_start_a_batch_by_itself(world: World) -> None:
    await world.batch(1, window_start=world.later(seconds=10))
    world.advance(seconds=10)
    assert await world.claim() == []
    await world.store.dispatch.move_windows()
    assert len(await world.claim()) == 1


# --- limits


async def test_an_account_never_has_more_calls_than_its_slots(world: World) -> None:
    await _cap_account(world, 3)
    await world.batch(5)
    await world.batch(5)
    calls = await world.live()
    assert len(calls) == 3
    assert await world.claim() == []
    await world.apply(ended(calls[0]), ended(calls[1]))
    assert len(await world.live()) == 2
    assert await world.used() == (3, 3)
    await check_invariants(world.store)


async def test_accounts_do_not_take_each_others_slots(world: World) -> None:
    await _cap_account(world, 2)
    await world.batch(5)
    other = await world.new_account(3)
    agent = await world.new_agent("Eve", account_id=other)
    await world.batch(5, account_id=other, agent_id=agent)
    assert Counter(c.account_id for c in await world.claim()) == {world.account_id: 2, other: 3}


async def test_batches_leave_the_reserve_alone(world: World) -> None:
    await _cap_account(world, 5, reserve=2)
    await world.batch(9)
    assert len(await world.claim()) == 3
    assert await world.claim() == []
    await _cap_account(world, 5, reserve=1)
    assert len(await world.claim()) == 1


async def test_an_account_with_everything_in_reserve_dials_no_batch(world: World) -> None:
    await _cap_account(world, 2, reserve=2)
    await world.batch(2)
    assert await world.claim() == []


async def test_a_batch_never_has_more_calls_than_its_cap(world: World) -> None:
    capped = await world.batch(5, max_concurrent_calls=2)
    free = await world.batch(5)
    assert by_batch(await world.live()) == {capped: 2, free: 5}
    assert await world.claim() == []


async def test_an_agents_batches_together_keep_its_cap(world: World) -> None:
    bob = await world.new_agent("Bob", 3)
    await world.batch(5, agent_id=bob)
    await world.batch(5, agent_id=bob)
    of_ada = await world.batch(5)
    calls = await world.claim()
    assert by_batch(calls)[of_ada] == 5
    assert len(calls) == 8
    assert await world.claim() == []
    await check_invariants(world.store)


async def test_a_lowered_cap_lets_calls_end_and_starts_none_meanwhile(world: World) -> None:
    await world.batch(20)
    calls = await world.live(6)
    await _cap_account(world, 3, reserve=1)
    for call in calls[:4]:
        assert await world.claim() == []
        await check_invariants(world.store)
        await world.apply(ended(call))
    assert await world.claim() == []
    await world.apply(ended(calls[4]))
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_a_cap_lowered_and_raised_again_is_the_new_one(world: World) -> None:
    await world.batch(20)
    await world.live(6)
    await _cap_account(world, 2)
    await _cap_account(world, 8)
    assert len(await world.claim()) == 2
    await _cap_agent(world, world.agent_id, 9)
    await _cap_account(world, 50)
    assert len(await world.claim()) == 1


async def test_the_database_refuses_what_no_limit_allows(world: World) -> None:
    await _cap_account(world, 2)
    await world.batch(2)
    await world.live()
    with pytest.raises(Exception, match=r"(?i)check constraint"):
        await world.execute("UPDATE slots SET used = used + 1 WHERE kind = 1")
    with pytest.raises(Exception, match=r"(?i)check constraint"):
        await world.execute("UPDATE slots SET used = -1 WHERE kind = 3")
    await check_invariants(world.store)


async def test_slots_free_again_wait_for_no_other_batch(world: World) -> None:
    await _cap_account(world, 4)
    await world.batch(2, max_concurrent_calls=1)
    await world.batch(20)
    calls = await world.live()
    assert len(calls) == 4
    await world.apply(*(ended(call) for call in calls))
    assert len(await world.live()) == 4


# --- fairness


async def test_equal_batches_share_equally(world: World) -> None:
    await _cap_account(world, 9)
    batches = [await world.batch(20) for _ in range(3)]
    assert by_batch(await world.claim()) == dict.fromkeys(batches, 3)


async def test_a_late_batch_catches_up(world: World) -> None:
    await _cap_account(world, 8)
    first = await world.batch(50)
    calls = await world.live()
    second = await world.batch(50)
    for _ in range(4):
        await world.apply(ended(calls.pop(0)))
        (new,) = await world.live()
        assert new.batch_id == second
    await world.apply(ended(calls[0]), ended(calls[1]))
    assert by_batch(await world.live()) == {first: 2}


async def test_weight_gives_a_larger_share(world: World) -> None:
    await _cap_account(world, 8)
    light = await world.batch(20, weight=1)
    heavy = await world.batch(20, weight=3)
    assert by_batch(await world.claim()) == {light: 2, heavy: 6}


async def test_higher_priority_goes_first_with_a_floor_for_the_others(world: World) -> None:
    await _cap_account(world, 40)
    low = await world.batch(100, priority=0)
    high = await world.batch(100, priority=5)
    assert by_batch(await world.claim()) == {low: 2, high: 38}


async def test_what_one_batch_cannot_use_another_gets(world: World) -> None:
    await _cap_account(world, 9)
    small, large = await world.batch(2, priority=5), await world.batch(50)
    assert by_batch(await world.claim()) == {small: 2, large: 7}


async def test_batches_of_one_agent_share_its_slots(world: World) -> None:
    bob = await world.new_agent("Bob", 4)
    one, two = await world.batch(20, agent_id=bob), await world.batch(20, agent_id=bob)
    assert by_batch(await world.claim()) == {one: 2, two: 2}
    await check_invariants(world.store)


async def test_an_agents_late_batch_catches_up(world: World) -> None:
    bob = await world.new_agent("Bob", 2)
    await world.batch(20, agent_id=bob)
    calls = await world.live()
    late = await world.batch(20, agent_id=bob)
    await world.apply(ended(calls[0]))
    assert by_batch(await world.live()) == {late: 1}


async def test_a_group_is_cut_at_its_limit_and_says_so(world: World) -> None:
    one, two = await world.batch(10), await world.batch(10)
    claims = await world.store.dispatch.claim(6)
    assert by_batch(list(claims.calls)) == {one: 3, two: 3}
    assert claims.more
    seen = list(claims.calls)
    for _ in range(10):
        claims = await world.store.dispatch.claim(6)
        seen += claims.calls
        if not claims.more:
            break
    assert len(set(ids_of(seen))) == 20


async def test_every_slot_is_used_in_the_end_whoever_holds_the_others(world: World) -> None:
    """An agent without slots must not keep its share of the account's from the others."""
    await _cap_account(world, 10)
    bob = await world.new_agent("Bob", 1)
    for _ in range(3):
        await world.batch(20, agent_id=bob)
    await world.batch(20)
    claimed = 0
    for _ in range(10):
        claims = await world.store.dispatch.claim(500)
        claimed += len(claims.calls)
        if not claims.more:
            break
    assert claimed == 10


# --- a call that was never sent


async def test_a_call_that_was_turned_away_is_used_again_under_a_new_fence(world: World) -> None:
    batch_id = await world.batch(1)
    fences = []
    for _ in range(4):
        (call,) = await world.sending()
        fences.append(call.fence)
        await world.apply(not_sent(call))
        world.advance(seconds=RETRY_NOT_SENT_MOST.total_seconds())
    assert fences == sorted(set(fences)), "each claim has its own, higher fence"
    ((count, attempt),) = await world.sql("SELECT COUNT(*), MAX(attempt) FROM calls")
    assert (count, attempt) == (1, 1)
    assert (await world.row(batch_id)).attempt_count == 0
    await check_invariants(world.store)


async def test_waits_double_while_a_call_is_turned_away_and_a_batch_is_never_stuck(
    world: World,
) -> None:
    batch_id = await world.batch(1)
    waits = []
    for _ in range(9):
        (call,) = await world.sending()
        await world.apply(not_sent(call))
        due_at = (await world.row(batch_id)).due_at
        assert due_at is not None
        waits.append(due_at - world.clock.now())
        world.clock.move_to(due_at)
    assert waits[0] == RETRY_NOT_SENT_AFTER
    assert waits == sorted(waits)
    assert waits[-1] == RETRY_NOT_SENT_MOST


async def test_a_lost_claim_is_used_again_with_id_and_attempt(world: World) -> None:
    await world.batch(1)
    (lost,) = await world.claim()
    world.advance(seconds=LEASE.total_seconds())
    assert (await world.store.dispatch.reap()).given_back == 1
    (found,) = await world.claim()
    assert found.call_id == lost.call_id
    assert found.fence > lost.fence
    assert (await world.send([lost])).calls == ()
    assert list((await world.send([found])).calls) == [found]
    await check_invariants(world.store)


async def test_a_call_used_again_follows_what_the_batch_says_now(world: World) -> None:
    batch_id = await world.batch(1, caller_id="+15550001", ring_timeout=timedelta(seconds=10))
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    await world.edit(batch_id, caller_id="+15550002", ring_timeout=timedelta(seconds=50))
    world.advance(seconds=1)
    (again,) = await world.sending()
    assert (again.caller_id, again.times.ring_timeout) == ("+15550002", timedelta(seconds=50))
    shown = await world.store.calls.get_call(world.account_id, again.call_id)
    assert (shown.caller_id, shown.reason) == ("+15550002", "")


async def test_a_refused_call_is_not_dialled_again(world: World) -> None:
    await world.batch(1)
    (call,) = await world.sending()
    await world.apply(refused(call))
    world.advance(hours=1)
    assert await world.claim() == []


async def test_a_claim_of_nothing_claims_nothing(world: World) -> None:
    await world.batch(2)
    claims = await world.store.dispatch.claim(0)
    assert claims.calls == ()
    assert await world.used() == (0, 0)


async def test_a_thousand_rows_go_in_groups(world: World) -> None:
    await _cap_account(world, 5_000)
    await world.batch(new_rows(1_200))
    assert [len(await world.claim(500)) for _ in range(4)] == [500, 500, 200, 0]
    await check_invariants(world.store)
