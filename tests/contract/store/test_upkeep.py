"""What keeps the promises when something went wrong, and what time brings."""

from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState
from outdial_server.domain.event import EventType
from outdial_server.domain.report import ReportKind
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.silence import (
    LEASE,
    SILENCE_MARGIN,
    trusted_until,
)
from outdial_server.ports.dispatch import LedgerFault, Reaped
from outdial_server.storage.stores.dispatch import SqlDispatch
from support.invariants import check_invariants
from support.stores import (
    HOLD,
    World,
    accepted,
    answered,
    ended,
    ids_of,
    new_rows,
    not_sent,
    report,
    unclear,
)

RING, TALK = timedelta(seconds=30), timedelta(seconds=60)


# --- leases


async def test_a_claim_that_was_not_sent_in_time_is_given_back(world: World) -> None:
    batch_id = await world.batch(2)
    due_at = [row.due_at for row in await world.rows(batch_id)]
    await world.claim()
    until = world.clock.now() + LEASE
    assert await world.store.dispatch.reap() == Reaped(0, 0, until)
    world.clock.move_to(until)
    assert await world.store.dispatch.reap() == Reaped(2, 0, None)
    assert await world.used() == (0, 0)
    assert [row.due_at for row in await world.rows(batch_id)] == due_at
    await check_invariants(world.store)


async def test_a_server_may_be_told_to_keep_to_a_shorter_lease(world: World) -> None:
    await world.batch(1)
    lease = timedelta(seconds=2)
    dispatch = SqlDispatch(world.store.database, lease=lease)
    claims = await dispatch.claim(1)
    until = world.clock.now() + lease
    assert (await dispatch.reap()).next_at == until
    world.advance(seconds=1)
    await dispatch.mark_sending(lambda: claims.calls)
    assert (await dispatch.reap()).next_at == world.clock.now() + lease


async def test_a_request_of_which_nobody_tells_becomes_unknown(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    world.clock.move_to(world.clock.now() + LEASE)
    assert await world.store.dispatch.reap() == Reaped(0, 1, None)
    assert await world.call_state(call) is CallState.UNKNOWN
    assert await world.used() == (1, 1)
    assert (await world.row(batch_id)).state_reason == "LEASE_LOST"
    await check_invariants(world.store)
    assert (await world.apply(accepted(call))).changed == 1, "a late answer is still evidence"
    await check_invariants(world.store)


async def test_live_calls_have_no_lease(world: World) -> None:
    await world.batch(3)
    calls = await world.live()
    await world.apply(answered(calls[0]), ended(calls[1]))
    world.advance(days=2)
    assert await world.store.dispatch.reap() == Reaped(0, 0, None)


async def test_leases_run_out_one_by_one(world: World) -> None:
    await world.batch(2)
    await world.claim(1)
    first = world.clock.now() + LEASE
    world.advance(seconds=4)
    await world.claim(1)
    second = world.clock.now() + LEASE
    world.clock.move_to(first)
    assert await world.store.dispatch.reap() == Reaped(1, 0, second)


async def test_at_a_start_every_lease_ends(world: World) -> None:
    await world.batch(6)
    calls = await world.sending(4)
    await world.apply(accepted(calls[0]), accepted(calls[1]), answered(calls[1]))
    await world.claim()
    reaped = await world.store.dispatch.reap(every_lease=True)
    assert reaped == Reaped(given_back=2, unknown=2, next_at=None)
    await check_invariants(world.store)
    silent = await world.store.dispatch.silent_calls(10)
    assert {c.call_id for c in silent.calls} == set(ids_of(calls[:2]))
    world.advance(seconds=1)
    silent = await world.store.dispatch.silent_calls(10)
    assert {c.call_id for c in silent.calls} == set(ids_of(calls))


async def test_at_a_start_every_lease_ends_however_many_there_are(world: World) -> None:
    account = await world.new_account(5_000)
    agent = await world.new_agent("Eve", account_id=account)
    await world.batch(new_rows(1_300), account_id=account, agent_id=agent)
    await world.claim(5_000)
    reaped = await world.store.dispatch.reap(every_lease=True)
    assert reaped == Reaped(1_300, 0, None)
    await check_invariants(world.store)


# --- silence


async def _silent(world: World, limit: int = 10) -> list[str]:
    return [c.call_id for c in (await world.store.dispatch.silent_calls(limit)).calls]


@pytest.mark.parametrize("state", [CallState.ACCEPTED, CallState.IN_PROGRESS, CallState.UNKNOWN])
async def test_a_call_is_silent_when_its_time_has_passed(world: World, state: CallState) -> None:
    await world.batch(1, ring_timeout=RING, max_call_duration=TALK, unknown_policy=HOLD)
    (call,) = await world.sending()
    sent_at = world.clock.now()
    world.advance(seconds=1)
    step = {
        CallState.ACCEPTED: accepted(call, "c-1"),
        CallState.IN_PROGRESS: report(call, ReportKind.ANSWERED, carrier_call_id="c-1"),
        CallState.UNKNOWN: unclear(call),
    }[state]
    await world.apply(step)
    until = trusted_until(state, call.times, world.clock.now())
    before = await world.store.dispatch.silent_calls(10)
    assert (before.calls, before.next_at) == ((), until)
    world.clock.move_to(until)
    silent = await world.store.dispatch.silent_calls(10)
    (found,) = silent.calls
    assert (found.call_id, found.state, found.lookups) == (call.call_id, state, 0)
    assert (found.carrier, found.address) == ("simulated", call.address)
    assert found.carrier_call_id == ("" if state is CallState.UNKNOWN else "c-1")
    assert (found.times, found.sent_at, found.unknown_policy) == (call.times, sent_at, HOLD)
    assert silent.next_at is None
    again = await world.store.dispatch.silent_calls(10)
    assert again == silent, "looking changes nothing"


async def test_the_longest_silent_come_first(world: World) -> None:
    await world.batch(3, ring_timeout=RING)
    calls = await world.sending()
    for call in (calls[2], calls[0], calls[1]):
        await world.apply(accepted(call))
        world.advance(seconds=1)
    world.clock.move_to(world.clock.now() + RING + SILENCE_MARGIN)
    order = [calls[2].call_id, calls[0].call_id, calls[1].call_id]
    assert await _silent(world) == order
    assert await _silent(world, 2) == order[:2]


async def test_news_puts_the_look_up_off(world: World) -> None:
    await world.batch(1, ring_timeout=RING, max_call_duration=TALK)
    (call,) = await world.live()
    world.clock.move_to(world.clock.now() + RING + SILENCE_MARGIN)
    assert await _silent(world) == [call.call_id]
    await world.apply(answered(call))
    assert await _silent(world) == []
    next_at = (await world.store.dispatch.silent_calls(1)).next_at
    assert next_at == world.clock.now() + TALK + SILENCE_MARGIN


async def test_a_look_up_that_settled_nothing_is_counted_and_put_off(world: World) -> None:
    await world.batch(2)
    calls = await world.sending()
    await world.apply(*(unclear(call) for call in calls))
    world.advance(seconds=1)
    until = world.later(seconds=7)
    await world.store.dispatch.postpone([(calls[0].call_id, until)])
    assert await _silent(world) == [calls[1].call_id]
    assert (await world.store.dispatch.silent_calls(1)).next_at == until
    world.clock.move_to(until)
    silent = await world.store.dispatch.silent_calls(10)
    assert {c.call_id: c.lookups for c in silent.calls} == {
        calls[0].call_id: 1,
        calls[1].call_id: 0,
    }


async def test_news_between_look_up_and_note_wins(world: World) -> None:
    await world.batch(2, ring_timeout=RING)
    one, two = await world.sending()
    await world.apply(unclear(one), unclear(two))
    world.advance(seconds=1)
    await world.apply(accepted(one), ended(two))
    await world.store.dispatch.postpone(
        [(one.call_id, world.later(days=1)), (two.call_id, world.later(days=1))]
    )
    next_at = (await world.store.dispatch.silent_calls(10)).next_at
    assert next_at == world.clock.now() + RING + SILENCE_MARGIN
    await check_invariants(world.store)


async def test_look_ups_start_anew_when_the_call_moves_on(world: World) -> None:
    await world.batch(1, ring_timeout=RING)
    (call,) = await world.sending()
    await world.apply(unclear(call))
    for _ in range(3):
        world.advance(seconds=1)
        await world.store.dispatch.postpone([(call.call_id, world.later(seconds=1))])
    await world.apply(accepted(call))
    world.advance(minutes=5)
    (silent,) = (await world.store.dispatch.silent_calls(10)).calls
    assert silent.lookups == 0


async def test_postponing_nothing_is_fine(world: World) -> None:
    await world.store.dispatch.postpone([])


# --- windows


async def test_a_window_opens_at_its_moment(world: World) -> None:
    opens_at = world.later(minutes=10)
    batch_id = await world.batch(1, window_start=opens_at)
    moved = await world.store.dispatch.move_windows()
    assert (moved.changed, moved.settling, moved.next_at) == (0, False, opens_at)
    world.clock.move_to(opens_at)
    moved = await world.store.dispatch.move_windows()
    assert (moved.changed, moved.settling, moved.next_at) == (1, False, None)
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.RUNNING, "")
    assert batch.started_at == opens_at
    event = (await world.events(batch_id))[-1]
    assert (event.type, event.cause) == (EventType.BATCH_STATE_CHANGED, "WINDOW_OPENED")
    assert (await world.store.dispatch.move_windows()).changed == 0


async def test_what_waits_expires_when_the_window_closes(world: World) -> None:
    closes_at = world.later(minutes=10)
    batch_id = await world.batch(4, window_end=closes_at)
    (call,) = await world.live(1)
    assert (await world.store.dispatch.move_windows()).next_at == closes_at
    world.clock.move_to(closes_at)
    moved = await world.store.dispatch.move_windows()
    assert (moved.changed, moved.settling, moved.next_at) == (1, True, None)
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.RUNNING, "WINDOW_CLOSED")
    await world.settle_all(2)
    batch = await world.get(batch_id)
    assert (batch.counts.expired, batch.ended_at) == (3, None)
    assert {(r.state, r.state_reason) for r in (await world.rows(batch_id))[1:]} == {
        (ScheduledCallState.EXPIRED, "WINDOW_CLOSED")
    }
    await world.apply(ended(call))
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.COMPLETED, "WINDOW_CLOSED")
    await check_invariants(world.store)


async def test_the_next_moment_is_the_earliest_of_all(world: World) -> None:
    await world.batch(1, window_start=world.later(hours=3))
    await world.batch(1, window_end=world.later(hours=2))
    await world.batch(1, window_start=world.later(hours=1), window_end=world.later(hours=5))
    await world.batch(1, draft=True, window_start=world.later(minutes=1))
    assert (await world.store.dispatch.move_windows()).next_at == world.later(hours=1)


async def test_a_window_missed_altogether_lets_all_expire(world: World) -> None:
    batch_id = await world.batch(
        2, window_start=world.later(minutes=1), window_end=world.later(minutes=2)
    )
    world.advance(hours=1)
    assert (await world.store.dispatch.move_windows()).settling
    await world.settle_all()
    batch = await world.get(batch_id)
    assert (batch.counts.expired, batch.state) == (2, BatchState.COMPLETED)
    await check_invariants(world.store)


async def test_a_paused_batch_expires_too_and_a_draft_does_not(world: World) -> None:
    paused = await world.batch(1, window_end=world.later(minutes=1))
    draft = await world.batch(1, draft=True, window_end=world.later(minutes=1))
    await world.change(paused, rules.pause)
    world.advance(minutes=1)
    assert (await world.store.dispatch.move_windows()).changed == 1
    await world.settle_all()
    assert (await world.get(paused)).counts.expired == 1
    assert (await world.get(draft)).counts.waiting == 1


async def test_rows_claimed_when_the_window_closes_expire_once_given_back(world: World) -> None:
    batch_id = await world.batch(2, window_end=world.later(seconds=5))
    calls = await world.claim()
    world.advance(seconds=5)
    await world.store.dispatch.move_windows()
    await world.settle_all()
    assert (await world.get(batch_id)).counts.waiting == 2
    assert (await world.send(calls)).given_back == 2
    await world.settle_all()
    assert (await world.get(batch_id)).counts.expired == 2
    await check_invariants(world.store)


async def test_a_call_released_after_the_window_expires_too(world: World) -> None:
    batch_id = await world.batch(1, window_end=world.later(seconds=5))
    (call,) = await world.sending()
    world.advance(seconds=5)
    assert not (await world.store.dispatch.move_windows()).settling
    await world.apply(not_sent(call))
    assert (await world.store.dispatch.move_windows()).settling
    await world.settle_all()
    assert (await world.get(batch_id)).counts.expired == 1
    await check_invariants(world.store)


# --- settling


async def test_settling_goes_in_groups_batch_by_batch(world: World) -> None:
    batches = [await world.batch(5), await world.batch(5)]
    for batch_id in batches:
        await world.change(batch_id, rules.cancel)
    assert await world.store.dispatch.settle(3)
    cancelled = [(await world.get(b)).counts.cancelled for b in batches]
    assert sorted(cancelled) == [0, 3]
    await check_invariants(world.store)
    await world.settle_all(3)
    assert not await world.store.dispatch.settle(3)
    assert [(await world.get(b)).counts.cancelled for b in batches] == [5, 5]
    await check_invariants(world.store)


async def test_a_large_batch_is_settled_to_its_last_row(world: World) -> None:
    batch_id = await world.batch(1_200)
    await world.change(batch_id, rules.cancel)
    await world.settle_all(500)
    batch = await world.get(batch_id)
    assert (batch.counts.cancelled, batch.sequence) == (1_200, 1_203)
    await check_invariants(world.store)


async def test_there_is_nothing_to_settle_in_batches_that_run(world: World) -> None:
    await world.batch(2)
    assert not await world.store.dispatch.settle(10)


# --- the ledger


async def test_the_audit_finds_a_planted_fault(world: World) -> None:
    await world.batch(3)
    await world.live()
    assert list(await world.store.dispatch.audit_slots()) == []
    await world.execute("UPDATE slots SET used = used - 1 WHERE kind = 1")
    await world.execute("UPDATE slots SET used = used + 4 WHERE kind = 3")
    faults = {f.scope.split(":")[0]: f for f in await world.store.dispatch.audit_slots()}
    assert set(faults) == {"ACCOUNT", "AGENT"}
    assert (faults["ACCOUNT"].used, faults["ACCOUNT"].held) == (2, 3)
    assert isinstance(faults["AGENT"], LedgerFault)
    assert (faults["AGENT"].used, faults["AGENT"].held) == (7, 3)


async def test_the_audit_finds_a_slot_that_nobody_holds(world: World) -> None:
    await world.execute("UPDATE slots SET used = 1 WHERE kind = 2")
    (fault,) = await world.store.dispatch.audit_slots()
    assert (fault.used, fault.held) == (1, 0)
