"""Reports: call, scheduled call, slots, counts and events move together, once."""

import asyncio
from datetime import timedelta
from itertools import permutations

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import BatchId, CallId
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.ports.dispatch import Applied, ClaimedCall
from support.invariants import check_invariants
from support.stores import (
    AT_MOST_ONCE,
    FAIL,
    HOLD,
    NO_ID,
    RETRY,
    World,
    accepted,
    answered,
    ended,
    not_sent,
    refused,
    report,
    ringing,
    unclear,
)

NOTHING = Applied(changed=0, ignored=0, freed=False, unknown=False, settling=False)


async def one_sending(world: World, **values: object) -> tuple[BatchId, ClaimedCall]:
    batch_id = await world.batch(1, **values)
    (call,) = await world.sending()
    return batch_id, call


async def one_unknown(world: World, **values: object) -> tuple[BatchId, ClaimedCall]:
    batch_id, call = await one_sending(world, **values)
    await world.apply(unclear(call))
    return batch_id, call


async def types(world: World, batch_id: BatchId) -> list[EventType]:
    """Of what came after BATCH_CREATED and CALL_SENDING."""
    return [e.type for e in await world.events(batch_id, 2)]


async def test_each_step_of_a_call_is_applied_and_told(world: World) -> None:
    batch_id, call = await one_sending(world)
    expected = [
        (accepted(call), CallState.ACCEPTED, "dialing"),
        (ringing(call), CallState.RINGING, "dialing"),
        (answered(call), CallState.IN_PROGRESS, "in_progress"),
        (ended(call), CallState.ENDED, "completed"),
    ]
    for step, state, count in expected:
        applied = await world.apply(step)
        assert (applied.changed, applied.ignored) == (1, 0)
        assert applied.freed == (state is CallState.ENDED)
        assert await world.call_state(call) is state
        assert getattr((await world.get(batch_id)).counts, count) == 1
        assert await world.used() == ((0, 0) if state is CallState.ENDED else (1, 1))
        await check_invariants(world.store)


async def test_an_answer_without_ringing_has_been_accepted(world: World) -> None:
    batch_id, call = await one_sending(world)
    await world.apply(answered(call))
    row = await world.row(batch_id)
    assert row.dispatch_outcome is DispatchOutcome.ACCEPTED
    assert row.dispatched_at == world.clock.now()
    assert (await world.get(batch_id)).counts.dispatch_accepted == 1
    await check_invariants(world.store)


@pytest.mark.parametrize(
    ("disposition", "state"),
    [
        (Disposition.ANSWERED_HUMAN, ScheduledCallState.COMPLETED),
        (Disposition.ANSWERED_MACHINE, ScheduledCallState.COMPLETED),
        (Disposition.BUSY, ScheduledCallState.FAILED),
        (Disposition.NO_ANSWER, ScheduledCallState.FAILED),
        (Disposition.REJECTED, ScheduledCallState.FAILED),
        (Disposition.CANCELLED, ScheduledCallState.FAILED),
    ],
)
async def test_an_end_says_what_came_of_the_row(
    world: World, disposition: Disposition, state: ScheduledCallState
) -> None:
    batch_id, call = await one_sending(world)
    await world.apply(accepted(call), ended(call, disposition))
    row = await world.row(batch_id)
    assert (row.state, row.disposition) == (state, disposition)
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    await check_invariants(world.store)


async def test_the_last_end_ends_the_batch(world: World) -> None:
    batch_id = await world.batch(2)
    one, two = await world.live()
    await world.apply(ended(one))
    assert (await world.get(batch_id)).ended_at is None
    world.advance(seconds=7)
    await world.apply(ended(two))
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.COMPLETED, "ALL_CALLS_ENDED")
    assert batch.ended_at == world.clock.now()
    assert (await types(world, batch_id))[-1] is EventType.BATCH_ENDED


async def test_a_refused_call_ends_its_row_and_frees_its_slot(world: World) -> None:
    batch_id, call = await one_sending(world)
    assert (await world.apply(refused(call))).freed
    row = await world.row(batch_id)
    assert (row.state, row.state_reason) == (ScheduledCallState.FAILED, "NO_SUCH_NUMBER")
    assert (row.dispatch_outcome, row.disposition) == (
        DispatchOutcome.REFUSED,
        Disposition.INVALID_NUMBER,
    )
    assert row.dispatched_at == world.clock.now()
    counts = (await world.get(batch_id)).counts
    assert (counts.dispatch_refused, counts.dispatch_accepted, counts.failed) == (1, 0, 1)
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert (shown.accepted_at, shown.reason) == (None, "NO_SUCH_NUMBER")
    await check_invariants(world.store)


async def test_a_call_that_was_not_sent_waits_again_and_has_lost_no_try(world: World) -> None:
    batch_id, call = await one_sending(world)
    applied = await world.apply(not_sent(call, timedelta(seconds=9)))
    assert applied.freed
    row = await world.row(batch_id)
    assert (row.state, row.attempt_count) == (ScheduledCallState.WAITING, 0)
    assert (row.due_at, row.call_id) == (world.later(seconds=9), None)
    assert (await world.get(batch_id)).counts.sends_in_flight == 0
    assert await types(world, batch_id) == [EventType.CALL_NOT_SENT]
    await check_invariants(world.store)


# --- doubled, disordered, late


async def test_a_doubled_report_changes_nothing_the_second_time(world: World) -> None:
    batch_id, call = await one_sending(world)
    for step in (accepted(call, "c-1"), ringing(call), answered(call), ended(call)):
        assert (await world.apply(step)).changed == 1
        before = await world.events(batch_id)
        again = await world.apply(step, step)
        assert (again.changed, again.ignored, again.freed) == (0, 2, False)
        assert await world.events(batch_id) == before
    await check_invariants(world.store)


async def test_a_doubled_report_in_one_group_counts_once(world: World) -> None:
    _, call = await one_sending(world)
    step = ended(call)
    applied = await world.apply(step, step, step)
    assert (applied.changed, applied.ignored) == (1, 2)
    assert await world.used() == (0, 0)
    await check_invariants(world.store)


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
async def test_reports_of_one_group_are_put_in_order(world: World, order: tuple[int, ...]) -> None:
    batch_id, call = await one_sending(world)
    steps = [accepted(call), ringing(call), answered(call), ended(call)]
    applied = await world.apply(*(steps[n] for n in order))
    assert applied.changed == 4
    assert await types(world, batch_id) == [
        EventType.CALL_ACCEPTED,
        EventType.CALL_RINGING,
        EventType.CALL_IN_PROGRESS,
        EventType.CALL_ENDED,
        EventType.BATCH_ENDED,
    ]
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    now = world.clock.now()
    assert (shown.accepted_at, shown.ringing_at, shown.answered_at) == (now, now, now)
    await check_invariants(world.store)


async def test_a_call_never_moves_back(world: World) -> None:
    batch_id, call = await one_sending(world)
    await world.apply(accepted(call, "c-1"))
    await world.apply(answered(call))
    for late in (ringing(call), accepted(call, "c-2"), unclear(call), not_sent(call)):
        assert (await world.apply(late)).changed == 0
    await world.apply(ended(call))
    for late in (answered(call), refused(call), report(call, ReportKind.PRESUMED_ENDED)):
        assert (await world.apply(late)).changed == 0
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert (shown.state, shown.carrier_call_id) == (CallState.ENDED, "c-1")
    assert (await world.get(batch_id)).counts.completed == 1
    await check_invariants(world.store)


async def test_the_carriers_id_is_learnt_behind_the_first_callback(world: World) -> None:
    batch_id, call = await one_sending(world)
    await world.apply(ringing(call))
    before = await world.events(batch_id)
    assert (await world.apply(accepted(call, "c-9"))).changed == 1
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert (shown.state, shown.carrier_call_id) == (CallState.RINGING, "c-9")
    assert await world.events(batch_id) == before
    assert len((await world.store.dispatch.silent_calls(10)).calls) == 0
    await check_invariants(world.store)


async def test_an_id_learnt_after_the_end_leaves_how_it_ended(world: World) -> None:
    batch_id, call = await one_sending(world)
    await world.apply(ended(call, Disposition.BUSY))
    await world.apply(accepted(call, "c-9"))
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert (shown.state, shown.carrier_call_id) == (CallState.ENDED, "c-9")
    assert shown.disposition is Disposition.BUSY
    assert (await world.row(batch_id)).disposition is Disposition.BUSY
    await check_invariants(world.store)


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_machine_that_is_heard_before_the_end_is_kept_for_it(
    world: World, at_once: bool
) -> None:
    batch_id, call = await one_sending(world)
    heard = report(call, ReportKind.ANSWERED, disposition=Disposition.ANSWERED_MACHINE)
    steps = [answered(call), heard, ended(call, Disposition.ANSWERED_HUMAN)]
    for group in [steps] if at_once else [[step] for step in steps]:
        assert (await world.apply(*group)).changed == len(group)
        shown = await world.store.calls.get_call(world.account_id, call.call_id)
        is_heard = heard in group or shown.state is CallState.ENDED
        assert shown.disposition is (Disposition.ANSWERED_MACHINE if is_heard else None)
    assert (await world.row(batch_id)).disposition is Disposition.ANSWERED_MACHINE
    assert await types(world, batch_id) == [
        EventType.CALL_IN_PROGRESS,
        EventType.CALL_ENDED,
        EventType.BATCH_ENDED,
    ]
    await check_invariants(world.store)


async def test_a_report_under_an_old_fence_changes_nothing(world: World) -> None:
    _, old = await one_sending(world)
    await world.apply(not_sent(old))
    world.advance(seconds=1)
    (new,) = await world.sending()
    for stale in (not_sent(old), refused(old), unclear(old), accepted(old)):
        assert (await world.apply(stale)).changed == 0
    assert await world.call_state(new) is CallState.SENDING
    assert (await world.apply(ringing(old))).changed == 1, "a carrier's evidence has no fence"


async def test_a_report_about_a_call_that_is_only_claimed_is_ignored(world: World) -> None:
    await world.batch(1)
    (call,) = await world.claim()
    for kind in ReportKind:
        assert (await world.apply(report(call, kind))).changed == 0
    await check_invariants(world.store)


async def test_a_report_about_no_call_is_ignored(world: World) -> None:
    _, call = await one_sending(world)
    nobody = CallReport(CallId(NO_ID), ReportKind.ENDED)
    applied = await world.apply(nobody, accepted(call), nobody)
    assert (applied.changed, applied.ignored) == (1, 2)


async def test_a_report_whose_id_is_none_is_ignored(world: World) -> None:
    """What a carrier sends back as our id is the carrier's word."""
    _, call = await one_sending(world)
    applied = await world.apply(CallReport(CallId("x'); --"), ReportKind.ENDED), accepted(call))
    assert (applied.changed, applied.ignored) == (1, 1)


async def test_an_empty_group_does_nothing(world: World) -> None:
    assert await world.apply() == NOTHING


async def test_many_calls_of_many_batches_go_in_one_group(world: World) -> None:
    batches = [await world.batch(12) for _ in range(8)]
    calls = await world.live()
    assert len(calls) == 96
    kinds = [ringing, answered, ended, refused]
    applied = await world.apply(*(kinds[n % 3](call) for n, call in enumerate(calls)))
    assert (applied.changed, applied.ignored) == (96, 0)
    await check_invariants(world.store)
    for batch_id in batches:
        counts = (await world.get(batch_id)).counts
        assert counts.dialing + counts.in_progress + counts.completed + counts.failed == 12


async def test_the_same_reports_from_two_sides_at_once_count_once(world: World) -> None:
    batch_id = await world.batch(20)
    calls = await world.live()
    results = await asyncio.gather(
        *(world.apply(*(ended(c) for c in calls)) for _ in range(4)),
        *(world.apply(*(ended(c) for c in reversed(calls))) for _ in range(4)),
    )
    assert sum(applied.changed for applied in results) == 20
    assert await world.used() == (0, 0)
    assert (await world.get(batch_id)).ended_at is not None
    await check_invariants(world.store)


# --- unknown


async def test_an_unclear_answer_makes_the_call_unknown_and_keeps_its_slot(world: World) -> None:
    batch_id, call = await one_sending(world)
    applied = await world.apply(unclear(call))
    assert applied == Applied(changed=1, ignored=0, freed=False, unknown=True, settling=False)
    counts = (await world.get(batch_id)).counts
    assert (counts.unknown, counts.dialing, counts.sends_in_flight) == (1, 1, 0)
    assert await world.used() == (1, 1)
    row = await world.row(batch_id)
    assert (row.dispatch_outcome, row.dispatched_at) == (DispatchOutcome.NONE, None)
    world.advance(hours=2)
    assert await world.claim() == [], "unknown is never dialled again on its own"
    await check_invariants(world.store)


@pytest.mark.parametrize("policy", [AT_MOST_ONCE, RETRY, HOLD])
async def test_evidence_brings_an_unknown_call_back(world: World, policy: UnknownPolicy) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=policy)
    await world.apply(report(call, ReportKind.RINGING, carrier_call_id="c-1"))
    counts = (await world.get(batch_id)).counts
    assert (counts.unknown, counts.dialing, counts.dispatch_accepted) == (0, 1, 1)
    await world.apply(ended(call))
    assert (await world.get(batch_id)).ended_at is not None
    await check_invariants(world.store)


async def test_at_most_once_gives_up_a_call_that_was_not_placed(world: World) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=AT_MOST_ONCE)
    applied = await world.apply(report(call, ReportKind.NOT_PLACED, reason="NOT_PLACED"))
    assert applied.freed
    row = await world.row(batch_id)
    assert (row.state, row.state_reason) == (ScheduledCallState.FAILED, "NOT_PLACED")
    assert row.dispatch_outcome is DispatchOutcome.REFUSED
    assert (await world.get(batch_id)).counts.dispatch_refused == 1
    await check_invariants(world.store)


async def test_reconciled_retry_dials_a_call_that_was_not_placed_again(world: World) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=RETRY)
    applied = await world.apply(report(call, ReportKind.NOT_PLACED))
    assert applied.freed
    row = await world.row(batch_id)
    assert (row.state, row.attempt_count) == (ScheduledCallState.WAITING, 1)
    assert (await world.get(batch_id)).counts.dispatch_refused == 0
    await check_invariants(world.store)
    (again,) = await world.sending()
    assert again.call_id != call.call_id
    shown = await world.store.calls.get_call(world.account_id, again.call_id)
    assert shown.attempt_number == 2
    await world.apply(answered(again), ended(again))
    counts = (await world.get(batch_id)).counts
    assert (counts.dispatch_accepted, counts.dispatch_refused, counts.completed) == (1, 0, 1)
    await check_invariants(world.store)


async def test_a_row_refused_once_and_then_cancelled_ended_as_refused(world: World) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=RETRY)
    await world.apply(report(call, ReportKind.NOT_PLACED))
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    counts = (await world.get(batch_id)).counts
    assert (counts.cancelled, counts.dispatch_refused) == (1, 1)
    await check_invariants(world.store)


async def test_hold_leaves_the_verdict_to_a_person(world: World) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=HOLD)
    assert (await world.apply(report(call, ReportKind.NOT_PLACED))).changed == 0
    assert await world.used() == (1, 1)
    applied = await world.apply(report(call, ReportKind.PRESUMED_ENDED, reason="CARRIER_SILENT"))
    assert (applied.changed, applied.freed) == (1, True)
    assert await world.call_state(call) is CallState.UNKNOWN
    assert await world.used() == (0, 0)
    assert (await types(world, batch_id))[-1] is EventType.CALL_PRESUMED_ENDED
    again = await world.apply(report(call, ReportKind.PRESUMED_ENDED))
    assert (again.changed, again.freed) == (0, False)
    await check_invariants(world.store)
    world.advance(hours=9)
    assert (await world.store.dispatch.silent_calls(10)).calls == ()
    assert (await world.get(batch_id)).ended_at is None


async def test_a_presumed_end_frees_the_slot_of_a_silent_call(world: World) -> None:
    batch_id = await world.batch(3, unknown_policy=AT_MOST_ONCE)
    taken, talking, unknown = await world.sending()
    await world.apply(accepted(taken), accepted(talking), answered(talking), unclear(unknown))
    applied = await world.apply(
        *(report(c, ReportKind.PRESUMED_ENDED, reason="S") for c in (taken, talking, unknown))
    )
    assert (applied.changed, applied.freed) == (3, True)
    dispositions = [row.disposition for row in await world.rows(batch_id)]
    assert dispositions == [
        Disposition.PRESUMED_ENDED,
        Disposition.PRESUMED_ENDED,
        Disposition.UNKNOWN,
    ]
    assert EventType.CALL_PRESUMED_ENDED in await types(world, batch_id)
    assert await world.used() == (0, 0)
    await check_invariants(world.store)


@pytest.mark.parametrize("slot_is_gone", [False, True])
@pytest.mark.parametrize(
    ("word", "disposition", "state"),
    [
        (ReportKind.ENDED, Disposition.ANSWERED_HUMAN, ScheduledCallState.COMPLETED),
        (ReportKind.GIVE_UP, None, ScheduledCallState.FAILED),
        (ReportKind.DIAL_AGAIN, None, ScheduledCallState.WAITING),
    ],
)
async def test_a_person_resolves_a_held_call(
    world: World,
    slot_is_gone: bool,
    word: ReportKind,
    disposition: Disposition | None,
    state: ScheduledCallState,
) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=HOLD)
    if slot_is_gone:
        await world.apply(report(call, ReportKind.PRESUMED_ENDED))
    applied = await world.apply(
        report(call, word, disposition=disposition, reason="RESOLVED_BY_PERSON")
    )
    assert applied.changed == 1
    assert (await world.row(batch_id)).state is state
    assert await world.used() == (0, 0)
    await check_invariants(world.store)
    again = await world.claim()
    assert len(again) == (1 if state is ScheduledCallState.WAITING else 0)
    assert call.call_id not in [c.call_id for c in again]


async def test_an_unknown_call_under_hold_whose_slot_is_gone_may_ring_after_all(
    world: World,
) -> None:
    batch_id, call = await one_unknown(world, unknown_policy=HOLD)
    await world.apply(report(call, ReportKind.PRESUMED_ENDED))
    await world.apply(answered(call))
    await check_invariants(world.store)
    assert await world.used() == (0, 0), "freed once, and not taken from others again"
    await world.apply(ended(call))
    assert (await world.get(batch_id)).ended_at is not None
    await check_invariants(world.store)


# --- faults of the configuration


async def test_a_bad_configuration_pauses_the_batch_and_burns_no_row(world: World) -> None:
    batch_id = await world.batch(5)
    calls = await world.sending(3)
    applied = await world.apply(*(refused(call, Fault.CONFIGURATION) for call in calls))
    assert applied.freed
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.PAUSED, "CARRIER_CONFIGURATION")
    assert batch.state_detail == "BAD_CREDENTIALS"
    assert (batch.counts.waiting, batch.counts.failed) == (5, 0)
    assert [row.attempt_count for row in await world.rows(batch_id)] == [0] * 5
    assert (await types(world, batch_id)).count(EventType.BATCH_STATE_CHANGED) == 1
    await check_invariants(world.store)
    await world.change(batch_id, rules.resume)
    world.advance(seconds=1)
    assert len(await world.claim()) == 5
    assert (await world.get(batch_id)).state_detail == ""


async def test_a_bad_configuration_fails_a_batch_that_wants_it(world: World) -> None:
    batch_id = await world.batch(5, on_config_error=FAIL)
    bad, good, _ = await world.sending(3)
    applied = await world.apply(refused(bad, Fault.CONFIGURATION), accepted(good))
    assert applied.settling
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.FAILED, "CARRIER_CONFIGURATION")
    await world.settle_all()
    counts = (await world.get(batch_id)).counts
    assert (counts.failed, counts.cancelled, counts.dialing) == (1, 2, 2)
    await check_invariants(world.store)


async def test_a_batch_whose_last_call_meets_a_bad_configuration_has_failed(world: World) -> None:
    batch_id, call = await one_sending(world, on_config_error=FAIL)
    await world.apply(refused(call, Fault.CONFIGURATION))
    batch = await world.get(batch_id)
    assert batch.state is BatchState.FAILED
    assert batch.ended_at is not None
    await check_invariants(world.store)


async def test_a_bad_configuration_does_not_wake_a_stopped_batch(world: World) -> None:
    batch_id = await world.batch(2)
    calls = await world.sending()
    await world.change(batch_id, rules.cancel)
    await world.apply(*(refused(call, Fault.CONFIGURATION) for call in calls))
    assert (await world.get(batch_id)).state is BatchState.CANCELLED
    await world.settle_all()
    assert (await world.get(batch_id)).ended_at is not None
    await check_invariants(world.store)
