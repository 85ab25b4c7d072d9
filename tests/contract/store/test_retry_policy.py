"""People who were not reached are tried again by the rules of their batch."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import RetryCallerId, UnknownPolicy
from outdial_server.domain.call import CallFilter, CallState, Disposition
from outdial_server.domain.event import Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import BatchId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.report import ReportKind
from outdial_server.domain.retry_policy import Backoff, FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import (
    FAIL,
    Fault,
    World,
    accepted,
    addresses,
    answered,
    ended,
    not_sent,
    number,
    refused,
    report,
    unclear,
)

BUSY, NO_ANSWER = Disposition.BUSY, Disposition.NO_ANSWER
MACHINE = Disposition.ANSWERED_MACHINE
WAITING, FAILED = ScheduledCallState.WAITING, ScheduledCallState.FAILED
COMPLETED, EXPIRED = ScheduledCallState.COMPLETED, ScheduledCallState.EXPIRED
MINUTE = timedelta(minutes=1)


def fixed(disposition: Disposition, *minutes: float) -> RetryRule:
    return RetryRule(disposition, FixedDelays(tuple(n * MINUTE for n in minutes)))


POLICY = RetryPolicy((fixed(BUSY, 5, 10, 20), fixed(NO_ANSWER, 15), fixed(MACHINE, 60)), 3)


async def one_try(world: World, disposition: Disposition | None) -> ClaimedCall:
    """The one call that may be dialled now, from its claim to its end."""
    (call,) = await world.live()
    await world.apply(ended(call, disposition))
    return call


def change_of(event: Event) -> ScheduledCallAfter:
    assert isinstance(event.after, ScheduledCallAfter)
    return event.after


async def test_a_busy_line_is_dialled_again_after_its_delay(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    first = await one_try(world, BUSY)
    row, due_at = await world.row(batch_id), world.later(minutes=5)
    assert (row.state, row.state_reason, row.due_at) == (WAITING, "RETRY_SCHEDULED", due_at)
    assert (row.attempt_count, row.disposition, row.call_id) == (1, BUSY, first.call_id)
    last = (await world.events(batch_id))[-1]
    assert last.type is EventType.CALL_ENDED
    after = change_of(last)
    assert (after.state, after.state_reason) == (WAITING, "RETRY_SCHEDULED")
    assert (after.call_state, after.disposition) == (CallState.ENDED, BUSY)
    assert after.due_at == due_at
    claims = await world.store.dispatch.claim(10)
    assert (claims.calls, claims.next_due_at) == ((), due_at)
    world.advance(minutes=5)
    second = await one_try(world, None)
    assert second.call_id != first.call_id
    row = await world.row(batch_id)
    assert row.attempt_count == 2
    assert (await world.get(batch_id)).state is BatchState.COMPLETED


async def test_an_answer_ends_it(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, BUSY)
    world.advance(minutes=5)
    (call,) = await world.live()
    await world.apply(answered(call), ended(call))
    assert (await world.row(batch_id)).state is COMPLETED
    assert (await world.get(batch_id)).ended_at is not None


async def test_the_budget_holds_over_all_rules(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    for disposition, minutes in ((BUSY, 5), (NO_ANSWER, 15)):
        await one_try(world, disposition)
        world.advance(minutes=minutes)
    last = await one_try(world, BUSY)
    row = await world.row(batch_id)
    assert (row.state, row.disposition, row.attempt_count) == (FAILED, BUSY, 3)
    assert row.call_id == last.call_id
    calls = await world.store.calls.list_calls(
        world.account_id, PageRequest(), CallFilter(scheduled_call_id=row.scheduled_call_id)
    )
    assert [(c.attempt_number, c.disposition) for c in calls.items] == [
        (3, BUSY),
        (2, NO_ANSWER),
        (1, BUSY),
    ]
    assert (await world.get(batch_id)).counts.dispatch_accepted == 1, "a person counts once"


async def test_each_rule_goes_by_the_tries_that_ended_its_way(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=RetryPolicy(POLICY.rules, 10))
    for disposition, minutes in ((NO_ANSWER, 15), (BUSY, 5), (BUSY, 10), (BUSY, 20)):
        await one_try(world, disposition)
        assert (await world.row(batch_id)).due_at == world.later(minutes=minutes)
        world.advance(minutes=minutes)
    await one_try(world, NO_ANSWER)
    assert (await world.row(batch_id)).state is FAILED, "its one delay was used up"


async def test_an_end_without_a_rule_is_final(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, Disposition.REJECTED)
    assert (await world.row(batch_id)).state is FAILED


async def test_a_machine_is_called_again_if_a_rule_says_so(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    (call,) = await world.live()
    await world.apply(answered(call), ended(call, MACHINE))
    row = await world.row(batch_id)
    assert (row.state, row.due_at) == (WAITING, world.later(hours=1))
    world.advance(hours=1)
    (call,) = await world.live()
    await world.apply(answered(call), ended(call, MACHINE))
    assert (await world.row(batch_id)).state is COMPLETED, "the message was left; no delay is left"


async def test_nobody_of_whom_nothing_is_known_is_tried_again_by_a_rule(world: World) -> None:
    policy = RetryPolicy((fixed(Disposition.FAILED, 1, 1),), 5)
    batch_id = await world.batch(3, retry_policy=policy)
    lost, silent, never = await world.sending()
    await world.apply(unclear(lost), accepted(silent), unclear(never))
    await world.apply(
        *(report(call, ReportKind.PRESUMED_ENDED) for call in (lost, silent)),
        report(never, ReportKind.NOT_PLACED),
    )
    rows = await world.rows(batch_id)
    assert [row.state for row in rows] == [FAILED] * 3
    how = [Disposition.UNKNOWN, Disposition.PRESUMED_ENDED, Disposition.FAILED]
    assert [row.disposition for row in rows] == how


async def test_a_due_retry_comes_before_first_tries(world: World) -> None:
    batch_id = await world.batch(3, retry_policy=POLICY, max_concurrent_calls=1)
    await one_try(world, BUSY)
    (second,) = await world.live()
    assert second.address == number(1), "nobody waits for a retry that is not due"
    world.advance(minutes=5)
    await world.apply(ended(second))
    assert addresses(await world.claim()) == [number(0)]
    assert (await world.get(batch_id)).counts.waiting == 2


async def test_a_refusal_is_retried_and_a_dispatch_counts_once(world: World) -> None:
    policy = RetryPolicy((fixed(Disposition.INVALID_NUMBER, 1), fixed(BUSY, 1)), 3)
    batch_id = await world.batch(1, retry_policy=policy)
    (call,) = await world.sending()
    await world.apply(refused(call))
    assert (await world.get(batch_id)).counts.dispatch_refused == 0, "it has not ended so"
    world.advance(minutes=1)
    await one_try(world, BUSY)
    world.advance(minutes=1)
    (call,) = await world.sending()
    await world.apply(refused(call))
    row, counts = await world.row(batch_id), (await world.get(batch_id)).counts
    assert (row.state, row.dispatch_outcome) == (FAILED, DispatchOutcome.ACCEPTED)
    assert (counts.dispatch_accepted, counts.dispatch_refused) == (1, 0)


async def test_what_every_call_would_meet_is_no_reason_to_try_again(world: World) -> None:
    policy = RetryPolicy((fixed(Disposition.FAILED, 1),), 3)
    batch_id = await world.batch(1, retry_policy=policy, on_config_error=FAIL)
    (call,) = await world.sending()
    await world.apply(refused(call, Fault.CONFIGURATION, Disposition.FAILED))
    assert (await world.row(batch_id)).state is FAILED


async def test_jitter_only_makes_waits_longer(world: World) -> None:
    wait = Backoff(10 * MINUTE, 2.0, 15 * MINUTE, 0.5)
    batch_id = await world.batch(60, retry_policy=RetryPolicy((RetryRule(BUSY, wait),), 3))
    for plain in (10 * MINUTE, 15 * MINUTE):
        calls = await world.live()
        now = world.clock.now()
        await world.apply(*(ended(call, BUSY) for call in calls))
        waits = [row.due_at - now for row in await world.rows(batch_id) if row.due_at]
        assert len(waits) == 60
        assert all(plain <= wait < plain * 1.5 for wait in waits)
        assert len(set(waits)) > 50, "and each by its own"
        world.advance(minutes=30)


# --- the window


async def test_a_try_that_could_only_expire_is_not_granted(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY, window_end=world.later(minutes=5))
    await one_try(world, BUSY)
    row, batch = await world.row(batch_id), await world.get(batch_id)
    assert (row.state, row.disposition) == (FAILED, BUSY)
    assert (batch.state, batch.state_reason) == (BatchState.COMPLETED, "ALL_CALLS_ENDED")


async def test_a_retry_whose_turn_does_not_come_expires(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY, window_end=world.later(minutes=6))
    await one_try(world, BUSY)
    await world.change(batch_id, rules.pause)
    world.advance(minutes=6)
    await world.store.dispatch.move_windows()
    await world.settle_all()
    row = await world.row(batch_id)
    assert (row.state, row.disposition) == (EXPIRED, BUSY)
    assert row.dispatch_outcome is DispatchOutcome.ACCEPTED


# --- a person steps in


async def _pause(world: World, batch_id: BatchId) -> None:
    await world.change(batch_id, rules.pause)


async def _cancel(world: World, batch_id: BatchId) -> None:
    await world.change(batch_id, rules.cancel)


async def _delete(world: World, batch_id: BatchId) -> None:
    await world.change(batch_id, rules.delete)


async def test_a_paused_batch_keeps_its_retries(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    (call,) = await world.live()
    await _pause(world, batch_id)
    await world.apply(ended(call, BUSY))
    assert (await world.row(batch_id)).state_reason == "RETRY_SCHEDULED"
    world.advance(minutes=5)
    assert await world.claim() == []
    await world.change(batch_id, rules.resume)
    assert len(await world.claim()) == 1


@pytest.mark.parametrize("stop", [_cancel, _delete])
async def test_what_waits_for_a_retry_is_cancelled_with_its_batch(
    world: World, stop: Callable[[World, BatchId], Awaitable[None]]
) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, BUSY)
    await stop(world, batch_id)
    await world.settle_all()
    row = await world.row(batch_id)
    assert (row.state, row.disposition) == (ScheduledCallState.CANCELLED, BUSY)
    assert (await world.look(batch_id)).ended_at is not None
    await check_invariants(world.store)


@pytest.mark.parametrize("stop", [_cancel, _delete])
async def test_a_call_that_ends_behind_the_stop_is_the_last(
    world: World, stop: Callable[[World, BatchId], Awaitable[None]]
) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    (call,) = await world.live()
    await stop(world, batch_id)
    await world.apply(ended(call, BUSY))
    row = await world.row(batch_id)
    assert (row.state, row.disposition) == (FAILED, BUSY), "what came of it, and no CANCELLED"
    assert (await world.look(batch_id)).ended_at is not None


async def test_one_person_who_waits_for_a_retry_can_be_taken_out(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, BUSY)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    assert (await world.row(batch_id)).state is ScheduledCallState.CANCELLED
    assert (await world.get(batch_id)).ended_at is not None


async def used_up(world: World, *, max_attempts: int = 2) -> BatchId:
    policy = RetryPolicy(POLICY.rules, max_attempts)
    batch_id = await world.batch(1, retry_policy=policy)
    for _ in range(max_attempts):
        await one_try(world, BUSY)
        world.advance(minutes=30)
    assert (await world.get(batch_id)).ended_at is not None
    return batch_id


async def test_a_person_may_ask_for_one_more_try_than_the_budget_has(world: World) -> None:
    batch_id = await used_up(world)
    assert await world.retry(batch_id) == 1
    await one_try(world, BUSY)
    row = await world.row(batch_id)
    assert (row.state, row.attempt_count) == (FAILED, 3), "one more, and no further ones"


async def test_a_try_asked_for_within_the_budget_is_followed_by_the_policys(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, Disposition.REJECTED)
    assert await world.retry(batch_id) == 1
    await one_try(world, BUSY)
    row = await world.row(batch_id)
    assert (row.state_reason, row.attempt_count) == ("RETRY_SCHEDULED", 2)
    world.advance(minutes=5)
    await one_try(world, BUSY)
    assert (await world.row(batch_id)).state is FAILED, "three in all"


async def lower(world: World, batch_id: BatchId, max_attempts: int | None) -> None:
    policy = None if max_attempts is None else RetryPolicy(POLICY.rules, max_attempts)
    await world.edit(batch_id, retry_policy=policy)


@pytest.mark.parametrize("budget", [1, None])
async def test_a_lowered_budget_takes_back_what_it_had_granted(
    world: World, budget: int | None
) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, BUSY)
    await lower(world, batch_id, budget)
    assert (await world.row(batch_id)).state is WAITING, "until its moment"
    world.advance(minutes=5)
    assert await world.claim() == []
    row, batch = await world.row(batch_id), await world.get(batch_id)
    assert (row.state, row.state_reason) == (FAILED, "NO_ATTEMPT_LEFT")
    assert (row.disposition, row.due_at, row.attempt_count) == (BUSY, None, 1)
    assert batch.state is BatchState.COMPLETED
    ending = (await world.events(batch_id))[-2]
    assert (ending.type, ending.cause) == (EventType.SCHEDULED_CALL_ENDED, "SCHEDULER")
    await check_invariants(world.store)


async def test_a_machine_was_reached_when_its_retry_is_taken_back(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, MACHINE)
    await lower(world, batch_id, 1)
    world.advance(hours=1)
    assert await world.claim() == []
    assert (await world.row(batch_id)).state is COMPLETED


async def test_those_behind_a_row_that_is_taken_back_come_up_in_the_same_claim(
    world: World,
) -> None:
    batch_id = await world.batch(4, retry_policy=POLICY, max_concurrent_calls=2)
    calls = await world.live()
    await world.apply(*(ended(call, BUSY) for call in calls))
    await lower(world, batch_id, 1)
    world.advance(minutes=5)
    assert addresses(await world.claim()) == [number(2), number(3)]
    assert (await world.get(batch_id)).counts.failed == 2
    await check_invariants(world.store)


async def test_a_lowered_budget_leaves_alone_what_a_person_asked_for(world: World) -> None:
    batch_id = await used_up(world)
    await world.retry(batch_id)
    await lower(world, batch_id, 1)
    assert len(await world.claim()) == 1


async def test_a_granted_try_cancelled_and_asked_for_by_hand_is_the_persons(world: World) -> None:
    batch_id = await world.batch(2, retry_policy=POLICY, max_concurrent_calls=1)
    await one_try(world, BUSY)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    await world.store.retries.retry_scheduled_call(world.account_id, row.scheduled_call_id, None)
    await lower(world, batch_id, 1)
    assert addresses(await world.claim()) == [number(0)]


async def test_a_call_that_was_not_sent_costs_no_try(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=RetryPolicy(POLICY.rules, 2))
    await one_try(world, BUSY)
    world.advance(minutes=5)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    row = await world.row(batch_id)
    assert (row.state, row.state_reason, row.attempt_count) == (WAITING, "RATE", 1)
    world.advance(minutes=1)
    again = await one_try(world, BUSY)
    assert again.call_id == call.call_id
    row = await world.row(batch_id)
    assert (row.state, row.attempt_count) == (FAILED, 2)


async def test_a_granted_try_that_was_not_sent_can_still_be_taken_back(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, BUSY)
    world.advance(minutes=5)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    await lower(world, batch_id, 1)
    world.advance(minutes=1)
    assert await world.claim() == []
    row = await world.row(batch_id)
    assert (row.state, row.state_reason) == (FAILED, "NO_ATTEMPT_LEFT")
    await check_invariants(world.store)


async def test_the_unknown_policy_dials_again_whatever_the_budget(world: World) -> None:
    policy = RetryPolicy(POLICY.rules, 1)
    batch_id = await world.batch(
        1, retry_policy=policy, unknown_policy=UnknownPolicy.RECONCILED_RETRY
    )
    (call,) = await world.sending()
    await world.apply(unclear(call))
    await world.apply(report(call, ReportKind.NOT_PLACED))
    await one_try(world, BUSY)
    row = await world.row(batch_id)
    assert (row.state, row.attempt_count) == (FAILED, 2)


async def test_a_policy_is_stored_as_it_was_given(world: World) -> None:
    backoff = RetryRule(NO_ANSWER, Backoff(7 * MINUTE, 1.7, 90 * MINUTE, 0.1))
    policy = RetryPolicy((fixed(BUSY, 1, 2, 3), backoff), 7)
    batch_id = await world.batch(1, retry_policy=policy)
    assert (await world.get(batch_id)).settings.retry_policy == policy
    await lower(world, batch_id, None)
    assert (await world.get(batch_id)).settings.retry_policy is None


async def test_with_several_batches_each_goes_by_its_own_rules(world: World) -> None:
    dues: dict[BatchId, datetime | None] = {}
    for minutes in (5, 9, None):
        policy = None if minutes is None else RetryPolicy((fixed(BUSY, minutes),), 3)
        batch_id = await world.batch(2, retry_policy=policy)
        dues[batch_id] = None if minutes is None else world.later(minutes=minutes)
    await world.apply(*(ended(call, BUSY) for call in await world.live()))
    for batch_id, due_at in dues.items():
        assert [row.due_at for row in await world.rows(batch_id)] == [due_at] * 2


# --- the number that they see


async def test_later_tries_show_the_number_of_the_first(world: World) -> None:
    batch_id = await world.batch(2, retry_policy=POLICY, caller_id="+15550009")
    calls = await world.live()
    await world.apply(*(ended(call, BUSY) for call in calls))
    await world.edit(batch_id, caller_id="+15550008")
    world.advance(minutes=5)
    first, second = await world.sending()
    assert {first.caller_id, second.caller_id} == {"+15550009"}
    await world.apply(not_sent(first), accepted(second), ended(second, BUSY))
    world.advance(minutes=10)
    assert {call.caller_id for call in await world.live()} == {"+15550009"}, "and so on"
    shown = await world.store.calls.list_calls(
        world.account_id, PageRequest(), CallFilter(batch_id)
    )
    assert [call.caller_id for call in shown.items] == ["+15550009"] * 5


async def test_a_retry_by_hand_keeps_the_number_too(world: World) -> None:
    batch_id = await world.batch(1, caller_id="+15550009")
    await one_try(world, BUSY)
    added = await world.batch(1)
    await world.retry(batch_id)
    numbers = {call.batch_id: call.caller_id for call in await world.claim()}
    assert numbers == {batch_id: "+15550009", added: ""}


async def test_a_batch_may_have_its_number_chosen_again(world: World) -> None:
    batch_id = await world.batch(
        1,
        retry_policy=POLICY,
        caller_id="+15550009",
        retry_caller_id=RetryCallerId.CHOOSE_AGAIN,
    )
    await one_try(world, BUSY)
    await world.edit(batch_id, caller_id="+15550008")
    world.advance(minutes=5)
    (call,) = await world.claim()
    assert call.caller_id == "+15550008"


async def test_where_the_first_try_showed_no_number_there_is_none_to_keep(world: World) -> None:
    batch_id = await world.batch(1, retry_policy=POLICY)
    await one_try(world, BUSY)
    await world.edit(batch_id, caller_id="+15550008")
    world.advance(minutes=5)
    (call,) = await world.claim()
    assert call.caller_id == "+15550008"
