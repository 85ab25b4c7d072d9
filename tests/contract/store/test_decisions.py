"""Decisions over a batch: written with their event, under the batch row."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.batch_rules import BatchChange
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.event import BatchAfter, EventType
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import ScheduledCallState
from support.clock import ManualSignals
from support.invariants import check_invariants
from support.stores import World, accepted, ended, not_sent


async def newest(world: World, batch_id: BatchId) -> tuple[EventType, str, str, str]:
    """Type and cause of the newest event, and the state and reason that it tells."""
    event = (await world.events(batch_id))[-1]
    assert isinstance(event.after, BatchAfter)
    return (
        event.type,
        event.cause,
        BatchState(event.after.state).name,
        event.after.state_reason,
    )


async def test_a_draft_is_started(world: World) -> None:
    batch_id = await world.batch(2, draft=True)
    assert await world.claim() == []
    world.advance(seconds=5)
    started = await world.change(batch_id, rules.start)
    assert started == await world.get(batch_id)
    assert (started.state, started.started_at) == (BatchState.RUNNING, world.clock.now())
    assert await newest(world, batch_id) == (
        EventType.BATCH_STATE_CHANGED,
        "USER_REQUEST",
        "RUNNING",
        "",
    )
    with pytest.raises(PreconditionError) as refusal:
        await world.change(batch_id, rules.start)
    assert refusal.value.reason is Reason.BATCH_STATE


async def test_a_draft_with_a_later_window_waits_for_it(world: World) -> None:
    batch_id = await world.batch(1, draft=True, window_start=world.later(minutes=1))
    started = await world.change(batch_id, rules.start)
    assert (started.state, started.state_reason) == (BatchState.SCHEDULED, "WINDOW_NOT_OPEN")
    assert await world.claim() == []


async def test_a_paused_batch_stands_until_it_is_resumed(world: World) -> None:
    batch_id = await world.batch(3)
    live = await world.live(1)
    paused = await world.change(batch_id, rules.pause)
    assert (paused.state, paused.state_reason) == (BatchState.PAUSED, "USER_REQUEST")
    assert await world.claim() == []
    assert (await world.apply(ended(live[0]))).changed == 1
    resumed = await world.change(batch_id, rules.resume)
    assert (resumed.state, resumed.state_reason) == (BatchState.RUNNING, "")
    assert len(await world.claim()) == 2
    await check_invariants(world.store)


async def test_a_decision_for_what_is_already_so_changes_nothing(world: World) -> None:
    batch_id = await world.batch(1)
    paused = await world.change(batch_id, rules.pause)
    world.advance(seconds=9)
    assert await world.change(batch_id, rules.pause) == paused
    assert len(await world.events(batch_id)) == paused.sequence == 2


async def test_a_refused_decision_changes_nothing(world: World) -> None:
    batch_id = await world.batch(1, draft=True)
    before = await world.get(batch_id)
    with pytest.raises(PreconditionError):
        await world.change(batch_id, rules.pause)
    assert await world.get(batch_id) == before


async def test_a_cancelled_batch_ends_when_its_rows_are_settled(world: World) -> None:
    batch_id = await world.batch(5)
    cancelled = await world.change(batch_id, rules.cancel)
    assert cancelled.state is BatchState.CANCELLED
    assert cancelled.settling_to is ScheduledCallState.CANCELLED
    assert (cancelled.ended_at, cancelled.counts.waiting) == (None, 5)
    await check_invariants(world.store)
    world.advance(seconds=3)
    await world.settle_all(2)
    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason) == (BatchState.CANCELLED, "USER_REQUEST")
    assert (batch.counts.cancelled, batch.ended_at) == (5, world.clock.now())
    assert batch.settling_to is None
    events = await world.events(batch_id)
    assert [e.type for e in events[1:]] == [
        EventType.BATCH_STATE_CHANGED,
        *[EventType.SCHEDULED_CALL_ENDED] * 5,
        EventType.BATCH_ENDED,
    ]
    rows = await world.rows(batch_id)
    assert {(r.state, r.state_reason) for r in rows} == {
        (ScheduledCallState.CANCELLED, "BATCH_CANCELLED")
    }
    await check_invariants(world.store)


async def test_a_batch_with_nothing_left_ends_in_the_decision_itself(world: World) -> None:
    batch_id = await world.batch(1, draft=True)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    cancelled = await world.change(batch_id, rules.cancel)
    assert cancelled.ended_at == world.clock.now()
    assert [e.type for e in await world.events(batch_id)][-2:] == [
        EventType.BATCH_STATE_CHANGED,
        EventType.BATCH_ENDED,
    ]


async def test_calls_that_are_live_at_a_cancel_come_to_their_own_end(world: World) -> None:
    batch_id = await world.batch(4)
    calls = await world.live(2)
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    batch = await world.get(batch_id)
    assert (batch.ended_at, batch.counts.cancelled, batch.counts.dialing) == (None, 2, 2)
    await world.apply(*(ended(call) for call in calls))
    batch = await world.get(batch_id)
    assert batch.ended_at == world.clock.now()
    assert batch.state is BatchState.CANCELLED
    await check_invariants(world.store)


async def test_a_call_released_after_a_cancel_is_settled_too(world: World) -> None:
    batch_id = await world.batch(2)
    calls = await world.sending()
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    applied = await world.apply(*(not_sent(call) for call in calls))
    assert applied.settling
    await world.settle_all()
    batch = await world.get(batch_id)
    assert (batch.counts.cancelled, batch.ended_at) == (2, world.clock.now())
    await check_invariants(world.store)


async def test_rows_claimed_at_a_cancel_are_given_back_and_settled(world: World) -> None:
    batch_id = await world.batch(3)
    claimed = await world.claim(2)
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    assert (await world.get(batch_id)).counts.cancelled == 1
    sent = await world.send(claimed)
    assert (sent.calls, sent.given_back) == ((), 2)
    await world.settle_all()
    assert (await world.get(batch_id)).counts.cancelled == 3
    assert await world.used() == (0, 0)
    await check_invariants(world.store)


async def test_an_ended_batch_refuses_further_decisions(world: World) -> None:
    batch_id = await world.batch(1)
    await world.apply(*(ended(call) for call in await world.live()))
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    for decide in (rules.start, rules.pause, rules.resume, rules.cancel):
        with pytest.raises(PreconditionError) as refusal:
            await world.change(batch_id, decide)
        assert refusal.value.metadata["state"] == "COMPLETED"


# --- deletion


async def test_a_deleted_batch_is_gone_at_once_and_settled_behind(world: World) -> None:
    batch_id = await world.batch(3)
    (call,) = await world.live(1)
    row = await world.row(batch_id)
    deleted = await world.change(batch_id, rules.delete)
    assert deleted.deleted_at == world.clock.now()
    assert await newest(world, batch_id) == (
        EventType.BATCH_DELETED,
        "USER_REQUEST",
        "CANCELLED",
        "DELETED",
    )
    for attempt in (
        world.get(batch_id),
        world.change(batch_id, rules.delete),
        world.change(batch_id, rules.resume),
        world.add(batch_id, 1),
        world.store.calls.get_scheduled_call(world.account_id, row.scheduled_call_id),
        world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    await world.settle_all()
    assert (await world.look(batch_id)).counts.cancelled == 2
    await world.apply(ended(call))
    assert (await world.look(batch_id)).ended_at is not None
    await check_invariants(world.store)


async def test_calls_made_stay_when_their_batch_is_deleted(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.live()
    await world.change(batch_id, rules.delete)
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert shown.batch_id == batch_id


async def test_deleting_an_ended_batch_leaves_how_it_ended(world: World) -> None:
    batch_id = await world.batch(1)
    await world.apply(*(ended(call) for call in await world.live()))
    before = await world.get(batch_id)
    await world.change(batch_id, rules.delete)
    after = await world.look(batch_id)
    assert (after.state, after.state_reason) == (BatchState.COMPLETED, before.state_reason)
    assert after.ended_at == before.ended_at
    await check_invariants(world.store)


async def test_of_two_that_delete_at_once_one_finds_nothing(world: World) -> None:
    batch_id = await world.batch(1)
    results = await asyncio.gather(
        *(world.change(batch_id, rules.delete) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(r, Batch) for r in results) == 1
    assert sum(isinstance(r, NotFoundError) for r in results) == 3
    assert [e.type for e in await world.events(batch_id)].count(EventType.BATCH_DELETED) == 1


@pytest.mark.parametrize("place", range(4))
async def test_a_draft_is_started_or_deleted_as_one_and_never_both(
    world: World, place: int
) -> None:
    batch_id = await world.batch(1, draft=True)
    decisions = [partial(rules.delete, states=[BatchState.DRAFT])] * 3
    decisions.insert(place, rules.start)
    done = await asyncio.gather(
        *(world.change(batch_id, decide) for decide in decisions), return_exceptions=True
    )
    (changed,) = [each for each in done if isinstance(each, Batch)]
    refusals = [each for each in done if not isinstance(each, Batch)]
    if changed.state is BatchState.RUNNING:
        assert all(isinstance(each, PreconditionError) for each in refusals), refusals
        assert (await world.get(batch_id)).deleted_at is None
    else:
        assert all(isinstance(each, NotFoundError) for each in refusals), refusals


# --- changes of what a client may write


async def test_an_edit_counts_up_the_revision_and_is_told(world: World) -> None:
    batch_id = await world.batch(1)
    world.advance(seconds=1)
    edited = await world.edit(
        batch_id,
        display_name="New",
        weight=4,
        ring_timeout=timedelta(seconds=12),
        metadata={"a": "b"},
    )
    assert edited == await world.get(batch_id)
    assert (edited.revision, edited.updated_at) == (2, world.clock.now())
    assert (edited.settings.display_name, edited.settings.metadata) == ("New", {"a": "b"})
    assert (await newest(world, batch_id))[0] is EventType.BATCH_UPDATED
    assert (await world.edit(batch_id, display_name="New")).revision == 2
    assert (await world.get(batch_id)).sequence == 2


async def test_a_new_cap_moves_the_slots_and_what_is_in_use_stays(world: World) -> None:
    batch_id = await world.batch(6, max_concurrent_calls=4)
    calls = await world.live()
    assert len(calls) == 4
    await world.edit(batch_id, max_concurrent_calls=2)
    await check_invariants(world.store)
    for call in calls[:2]:
        await world.apply(ended(call))
        assert await world.claim() == []
        await check_invariants(world.store)
    await world.apply(ended(calls[2]))
    assert len(await world.claim()) == 1
    await world.edit(batch_id, max_concurrent_calls=None)
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_moving_the_window_start_moves_the_state(world: World) -> None:
    batch_id = await world.batch(1)
    later = await world.edit(batch_id, window_start=world.later(minutes=5))
    assert later.state is BatchState.SCHEDULED
    assert await world.claim() == []
    now = await world.edit(batch_id, window_start=None)
    assert now.state is BatchState.RUNNING
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_decisions_at_once_are_all_made_one_by_one(world: World) -> None:
    batch_id = await world.batch(1)

    def count_up(batch: Batch, now: object) -> BatchChange | None:
        return rules.edit(
            batch,
            replace(batch.settings, weight=batch.settings.weight + 1),
            world.clock.now(),
        )

    await asyncio.gather(*(world.change(batch_id, count_up) for _ in range(10)))
    batch = await world.get(batch_id)
    assert (batch.settings.weight, batch.revision, batch.sequence) == (11, 11, 11)
    await check_invariants(world.store)


# --- one row


async def test_a_waiting_row_is_cancelled(world: World) -> None:
    batch_id = await world.batch(2)
    row = await world.row(batch_id, 1)
    world.advance(seconds=1)
    cancelled = await world.store.calls.cancel_scheduled_call(
        world.account_id, row.scheduled_call_id
    )
    assert cancelled == await world.row(batch_id, 1)
    assert (cancelled.state, cancelled.state_reason) == (
        ScheduledCallState.CANCELLED,
        "USER_REQUEST",
    )
    assert (cancelled.ended_at, cancelled.due_at) == (world.clock.now(), None)
    assert (await world.events(batch_id))[-1].type is EventType.SCHEDULED_CALL_ENDED
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_a_claimed_row_is_cancelled_and_is_not_sent(world: World) -> None:
    batch_id = await world.batch(2)
    claimed = await world.claim()
    row = await world.row(batch_id)
    cancelled = await world.store.calls.cancel_scheduled_call(
        world.account_id, row.scheduled_call_id
    )
    assert cancelled.state is ScheduledCallState.CANCELLED
    assert await world.used() == (1, 1)
    sent = await world.send(claimed)
    assert list(sent.calls) == claimed[1:]
    assert sent.given_back == 0
    await check_invariants(world.store)


async def test_a_row_with_a_live_call_is_not_cancelled(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    row = await world.row(batch_id)
    for _ in range(2):
        with pytest.raises(PreconditionError) as refusal:
            await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
        assert refusal.value.reason is Reason.SCHEDULED_CALL_NOT_WAITING
        await world.apply(accepted(call))
    await world.apply(ended(call))
    with pytest.raises(PreconditionError):
        await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)


async def test_cancelling_the_last_row_ends_the_batch(world: World) -> None:
    batch_id = await world.batch(1)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    batch = await world.get(batch_id)
    assert (batch.state, batch.ended_at) == (BatchState.COMPLETED, world.clock.now())


# --- who hears of it


async def test_watchers_hear_after_the_commit(world: World, signals: ManualSignals) -> None:
    batch_id = await world.batch(2)
    other = await world.batch(1)
    heard, untouched = signals.revision(batch_id), signals.revision(other)
    await world.change(batch_id, rules.pause)
    assert signals.revision(batch_id) > heard
    assert signals.revision(other) == untouched
    heard = signals.revision(batch_id)
    with pytest.raises(PreconditionError):
        await world.change(batch_id, rules.start)
    assert signals.revision(batch_id) == heard


async def test_nobody_hears_of_a_claim(world: World, signals: ManualSignals) -> None:
    batch_id = await world.batch(1)
    heard = signals.revision(batch_id)
    calls = await world.claim()
    assert signals.revision(batch_id) == heard
    await world.send(calls)
    assert signals.revision(batch_id) > heard


async def test_sends_in_flight_are_counted_for_deleted_batches_too(world: World) -> None:
    batch_id = await world.batch(3)
    calls = await world.sending()
    assert await world.store.batches.sends_in_flight(batch_id) == 3
    await world.apply(accepted(calls[0]))
    await world.change(batch_id, rules.delete)
    assert await world.store.batches.sends_in_flight(batch_id) == 2
    await world.apply(*(accepted(c) for c in calls))
    assert await world.store.batches.sends_in_flight(batch_id) == 0
