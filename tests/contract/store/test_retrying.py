"""Ended rows wait again: who, how often, and what becomes of the batch around them."""

import asyncio

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallFilter, CallState, Disposition
from outdial_server.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    OutdialError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.event import EventType, ScheduledCallAfter
from outdial_server.domain.ids import BatchId, ScheduledCallId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.domain.retry import retry_selection
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.ports.retries import RetryOrder
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK
from support.invariants import check_invariants
from support.stores import (
    FAIL,
    NO_ID,
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

WAITING, COMPLETED, FAILED, EXPIRED, CANCELLED = (
    ScheduledCallState.WAITING,
    ScheduledCallState.COMPLETED,
    ScheduledCallState.FAILED,
    ScheduledCallState.EXPIRED,
    ScheduledCallState.CANCELLED,
)
NO_ANSWER, BUSY = Disposition.NO_ANSWER, Disposition.BUSY


async def nobody_answered(world: World, rows: int = 3) -> BatchId:
    """A completed batch whose first person answered; the others did not."""
    batch_id = await world.batch(rows)
    first, *others = await world.live()
    await world.apply(answered(first), ended(first), *(ended(c, NO_ANSWER) for c in others))
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    world.advance(minutes=1)
    return batch_id


async def test_a_completed_batch_runs_again_and_dials_whom_it_did_not_reach(world: World) -> None:
    batch_id = await nobody_answered(world)
    before = await world.get(batch_id)
    assert await world.retry(batch_id) == 2
    await check_invariants(world.store)

    batch = await world.get(batch_id)
    assert (batch.state, batch.state_reason, batch.ended_at) == (BatchState.RUNNING, "", None)
    assert (batch.counts.waiting, batch.counts.failed, batch.counts.completed) == (2, 0, 1)
    assert batch.counts.dispatch_accepted == 3, "accepted once is accepted"
    assert batch.started_at == before.started_at
    row = await world.row(batch_id, 1)
    assert (row.state, row.state_reason, row.ended_at) == (WAITING, "RETRIED", None)
    assert (row.attempt_count, row.disposition) == (1, NO_ANSWER)
    assert row.due_at == world.clock.now()

    calls = await world.live()
    assert addresses(calls) == [number(1), number(2)]
    await world.apply(*(answered(c) for c in calls), *(ended(c) for c in calls))
    await check_invariants(world.store)
    batch = await world.get(batch_id)
    assert (batch.state, batch.counts.completed) == (BatchState.COMPLETED, 3)
    assert batch.ended_at == world.clock.now()
    assert [r.attempt_count for r in await world.rows(batch_id)] == [1, 2, 2]
    assert await world.used() == (0, 0)


async def test_each_try_is_a_call_of_its_own_and_the_earlier_ones_stay(world: World) -> None:
    batch_id = await nobody_answered(world, rows=2)
    await world.retry(batch_id)
    (second,) = await world.live()
    await world.apply(ended(second, BUSY))
    row = await world.row(batch_id, 1)
    page = await world.store.calls.list_calls(
        world.account_id, PageRequest(), CallFilter(scheduled_call_id=row.scheduled_call_id)
    )
    assert [(c.attempt_number, c.disposition) for c in page.items] == [(2, BUSY), (1, NO_ANSWER)]
    assert row.call_id == second.call_id == page.items[0].call_id


async def test_the_log_goes_on_behind_the_end(world: World) -> None:
    batch_id = await nobody_answered(world)
    newest = (await world.get(batch_id)).sequence
    await world.retry(batch_id, group=10)
    end, *again = await world.events(batch_id, newest - 1)
    retried = EventType.SCHEDULED_CALL_RETRIED
    assert end.type is EventType.BATCH_ENDED
    assert [e.type for e in again] == [EventType.BATCH_STATE_CHANGED, retried, retried]
    assert {e.cause for e in again} == {"USER_REQUEST"}
    first = await world.row(batch_id, 1)
    (call,) = (
        await world.store.calls.list_calls(
            world.account_id, PageRequest(), CallFilter(scheduled_call_id=first.scheduled_call_id)
        )
    ).items
    assert again[1].after == ScheduledCallAfter(
        first.scheduled_call_id,
        1,
        WAITING,
        "RETRIED",
        DispatchOutcome.ACCEPTED,
        call.call_id,
        1,
        CallState.ENDED,
        NO_ANSWER,
        world.clock.now(),
    )


async def in_every_end(world: World) -> BatchId:
    """Rows 0 to 6: reached, no answer, busy, unknown, presumed ended, refused, cancelled."""
    batch_id = await world.batch(7)
    last = await world.row(batch_id, 6)
    await world.store.calls.cancel_scheduled_call(world.account_id, last.scheduled_call_id)
    calls = await world.sending()
    await world.apply(*(accepted(calls[n]) for n in (0, 1, 2, 4)))
    await world.apply(
        answered(calls[0]),
        ended(calls[0]),
        ended(calls[1], NO_ANSWER),
        ended(calls[2], BUSY),
        unclear(calls[3]),
        refused(calls[5]),
    )
    await world.apply(*(report(calls[n], ReportKind.PRESUMED_ENDED) for n in (3, 4)))
    world.advance(seconds=1)
    return batch_id


@pytest.mark.parametrize(
    ("states", "dispositions", "positions"),
    [
        ((), (), [1, 2, 5]),
        ((), (BUSY, Disposition.UNKNOWN), [2, 3]),
        ((), (Disposition.PRESUMED_ENDED,), [4]),
        ((CANCELLED,), (), [6]),
        ((CANCELLED,), (BUSY,), []),
        ((COMPLETED, FAILED), tuple(Disposition), [0, 1, 2, 3, 4, 5]),
        ((EXPIRED,), (), []),
    ],
)
async def test_whom_a_retry_takes(
    world: World,
    states: tuple[ScheduledCallState, ...],
    dispositions: tuple[Disposition, ...],
    positions: list[int],
) -> None:
    batch_id = await in_every_end(world)
    before = await world.get(batch_id)
    assert await world.retry(batch_id, *states, dispositions=dispositions) == len(positions)
    await check_invariants(world.store)
    waiting = [row.position for row in await world.rows(batch_id) if row.state is WAITING]
    assert waiting == positions
    if not positions:
        assert await world.get(batch_id) == before, "with nothing to retry nothing changes"


async def test_a_refusal_no_longer_counts_until_it_comes_again(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(refused(call))
    assert (await world.get(batch_id)).counts.dispatch_refused == 1
    world.advance(seconds=1)
    await world.retry(batch_id)
    row = await world.row(batch_id)
    assert (row.dispatch_outcome, row.dispatched_at) == (DispatchOutcome.NONE, None)
    assert (await world.get(batch_id)).counts.dispatch_refused == 0
    (call,) = await world.live()
    await world.apply(ended(call, NO_ANSWER))
    row = await world.row(batch_id)
    assert (row.dispatch_outcome, row.dispatched_at) == (
        DispatchOutcome.ACCEPTED,
        world.clock.now(),
    )
    counts = (await world.get(batch_id)).counts
    assert (counts.dispatch_accepted, counts.dispatch_refused) == (1, 0)


async def test_a_call_that_was_never_sent_is_used_again(world: World) -> None:
    batch_id = await world.batch(2)
    first, _ = await world.claim()
    await world.send([first])
    await world.apply(not_sent(first))
    await world.change(batch_id, rules.pause)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    await world.retry(batch_id, CANCELLED)
    await world.change(batch_id, rules.resume)
    again = {call.address: call for call in await world.sending()}
    assert again[first.address].call_id == first.call_id
    await world.apply(accepted(again[first.address]))
    assert (await world.row(batch_id)).attempt_count == 1
    await check_invariants(world.store)


async def test_asked_again_nothing_more_moves(world: World) -> None:
    batch_id = await nobody_answered(world)
    assert await world.retry(batch_id) == 2
    sequence = (await world.get(batch_id)).sequence
    assert await world.retry(batch_id) == 0
    assert (await world.get(batch_id)).sequence == sequence


async def test_a_repeated_request_dials_nobody_twice(world: World) -> None:
    batch_id = await nobody_answered(world)
    request = world.request("r-1", surface="Retry")
    assert await world.retry(batch_id, request=request) == 2
    world.advance(seconds=1)
    await world.apply(*(ended(call, BUSY) for call in await world.live()))
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    assert await world.retry(batch_id, request=request) == 0
    world.advance(seconds=1)
    assert await world.retry(batch_id, request=world.request("r-2", surface="Retry")) == 2
    with pytest.raises(AlreadyExistsError):
        await world.retry(batch_id, request=world.request("r-1", b"other", surface="Retry"))


async def test_a_request_that_broke_off_goes_on_with_the_others(world: World) -> None:
    batch_id = await nobody_answered(world, rows=5)
    order = RetryOrder(world.account_id, batch_id, retry_selection((), ()))
    request = world.request("r-1", surface="Retry")
    ended_by = await world.store.retries.begin_retry(order, request)
    group = await world.store.retries.retry_rows(order, ended_by, 0, 2)
    assert (group.count, group.next_position) == (2, 3)
    world.advance(seconds=1)
    await world.apply(*(ended(call, BUSY) for call in await world.live()))
    assert await world.retry(batch_id, request=request) == 2
    assert [r.attempt_count for r in await world.rows(batch_id)] == [1, 2, 2, 1, 1]
    assert [c.address for c in await world.claim()] == [number(3), number(4)]


async def test_retries_of_one_batch_at_once_take_each_row_once(world: World) -> None:
    batch_id = await nobody_answered(world, rows=20)
    counts = await asyncio.gather(*(world.retry(batch_id, group=3) for _ in range(4)))
    assert sum(counts) == 19
    await check_invariants(world.store)


async def test_a_rare_end_is_looked_for_in_bounded_reads(world: World) -> None:
    batch_id = await nobody_answered(world)
    await world.execute("UPDATE batches SET next_position = :n", n=3 * ROWS_PER_LOOK)
    order = RetryOrder(world.account_id, batch_id, retry_selection((), ()))
    group = await world.store.retries.retry_rows(order, world.clock.now(), 0, 500)
    assert (group.count, group.next_position) == (2, ROWS_PER_LOOK)
    await world.execute("UPDATE batches SET next_position = 3")


@pytest.mark.parametrize("state", [BatchState.SCHEDULED, BatchState.RUNNING, BatchState.PAUSED])
async def test_a_batch_under_way_keeps_its_state(world: World, state: BatchState) -> None:
    opens = world.later(hours=1) if state is BatchState.SCHEDULED else None
    batch_id = await world.batch(2, window_start=opens)
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    if state is BatchState.PAUSED:
        await world.change(batch_id, rules.pause)
    assert await world.retry(batch_id, CANCELLED) == 1
    batch = await world.get(batch_id)
    assert (batch.state, batch.counts.waiting) == (state, 2)
    await check_invariants(world.store)


async def test_a_batch_completed_before_its_window_waits_for_it(world: World) -> None:
    batch_id = await world.batch(1, window_start=world.later(hours=1))
    row = await world.row(batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    await world.retry(batch_id, CANCELLED)
    assert (await world.get(batch_id)).state is BatchState.SCHEDULED
    assert await world.claim() == []
    world.advance(hours=1)
    await world.store.dispatch.move_windows()
    assert len(await world.claim()) == 1


async def test_what_was_stopped_not_started_or_deleted_is_refused(world: World) -> None:
    draft = await world.batch(1, draft=True)
    cancelled = await world.batch(1)
    await world.change(cancelled, rules.cancel)
    await world.settle_all()
    failed = await world.batch(1, on_config_error=FAIL)
    (call,) = await world.sending()
    await world.apply(refused(call, Fault.CONFIGURATION))
    for batch_id in (draft, cancelled, failed):
        with pytest.raises(PreconditionError) as refusal:
            await world.retry(batch_id, CANCELLED, FAILED)
        assert refusal.value.reason is Reason.BATCH_STATE
    deleted = await nobody_answered(world)
    await world.change(deleted, rules.delete)
    for batch_id in (deleted, BatchId(NO_ID)):
        with pytest.raises(NotFoundError):
            await world.retry(batch_id)
    await check_invariants(world.store)


async def test_a_batch_whose_payloads_are_erased_is_refused(world: World) -> None:
    batch_id = await nobody_answered(world)
    await world.execute("UPDATE batches SET payloads_erased_to = 1")
    with pytest.raises(PreconditionError, match="retention has erased") as refusal:
        await world.retry(batch_id)
    assert refusal.value.reason is Reason.BATCH_STATE
    with pytest.raises(PreconditionError, match="retention has erased"):
        await retry_row(world, batch_id, 1)


async def expired(world: World, rows: int = 5, live: int = 1) -> BatchId:
    """A batch whose window has closed over rows that wait; `live` calls are out."""
    batch_id = await world.batch(rows, window_end=world.later(minutes=1))
    await world.live(live)
    world.advance(minutes=1)
    await world.store.dispatch.move_windows()
    return batch_id


async def test_a_window_that_is_over_is_opened_by_a_later_end(world: World) -> None:
    batch_id = await expired(world, live=0)
    await world.settle_all()
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    world.advance(seconds=1)
    with pytest.raises(PreconditionError) as refusal:
        await world.retry(batch_id, EXPIRED)
    assert refusal.value.reason is Reason.WINDOW_CLOSED
    end = world.later(hours=1)
    assert await world.retry(batch_id, EXPIRED, window_end=end) == 5
    batch = await world.get(batch_id)
    assert (batch.state, batch.settings.window_end) == (BatchState.RUNNING, end)
    assert batch.revision == 2
    assert len(await world.claim()) == 5
    await check_invariants(world.store)


async def test_a_later_end_stops_the_settling_of_what_still_waits(world: World) -> None:
    batch_id = await expired(world)
    await world.store.dispatch.settle(2)
    assert (await world.get(batch_id)).counts.expired == 2
    assert await world.retry(batch_id, EXPIRED, window_end=world.later(hours=1)) == 2
    batch = await world.get(batch_id)
    assert (batch.settling_to, batch.state_reason, batch.counts.waiting) == (None, "", 4)
    await world.settle_all()
    assert (await world.get(batch_id)).counts.expired == 0
    assert len(await world.claim()) == 4
    await check_invariants(world.store)


async def test_settling_and_a_later_end_at_once_lose_nobody(world: World) -> None:
    batch_id = await expired(world, rows=40, live=0)
    end = world.later(hours=1)

    async def settle() -> None:
        for _ in range(10):
            await world.store.dispatch.settle(3)

    async def open_again() -> None:
        # Either it comes before the last row expired, or the batch has completed.
        await world.retry(batch_id, EXPIRED, window_end=end, group=4)

    await asyncio.gather(settle(), open_again())
    world.advance(seconds=1)
    await world.retry(batch_id, EXPIRED, window_end=end)
    await world.settle_all()
    batch = await world.get(batch_id)
    assert (batch.settling_to, batch.counts.waiting) == (None, 40)
    await check_invariants(world.store)


async def test_a_deletion_at_the_same_time_is_never_undone(world: World) -> None:
    for _ in range(5):
        batch_id = await nobody_answered(world, rows=4)
        await asyncio.gather(
            world.retry(batch_id, group=1),
            world.change(batch_id, rules.delete),
            return_exceptions=True,
        )
        batch = await world.look(batch_id)
        assert batch.deleted_at is not None
        await world.settle_all()
        assert await world.claim() == []
        await check_invariants(world.store)


# --- one row -------------------------------------------------------------------


async def retry_row(world: World, batch_id: BatchId, position: int, request_id: str = "") -> None:
    row = await world.row(batch_id, position)
    request = world.request(request_id, surface="RetryRow") if request_id else None
    again = await world.store.retries.retry_scheduled_call(
        world.account_id, row.scheduled_call_id, request
    )
    assert again == await world.row(batch_id, position)


@pytest.mark.parametrize("position", range(7))
async def test_a_row_that_is_named_is_retried_however_it_ended(world: World, position: int) -> None:
    batch_id = await in_every_end(world)
    await retry_row(world, batch_id, position)
    batch = await world.get(batch_id)
    assert (batch.state, batch.counts.waiting) == (BatchState.RUNNING, 1)
    assert addresses(await world.claim()) == [number(position)]
    await check_invariants(world.store)


async def test_a_row_that_has_not_ended_is_refused(world: World) -> None:
    batch_id = await world.batch(2)
    await world.live(1)
    for position in (0, 1):
        with pytest.raises(PreconditionError) as refusal:
            await retry_row(world, batch_id, position)
        assert refusal.value.reason is Reason.SCHEDULED_CALL_NOT_ENDED


async def test_a_row_is_retried_once_for_one_request(world: World) -> None:
    batch_id = await nobody_answered(world)
    await retry_row(world, batch_id, 1, "r-1")
    (call,) = await world.live()
    await world.apply(ended(call, BUSY))
    sequence = (await world.get(batch_id)).sequence
    await retry_row(world, batch_id, 1, "r-1")
    assert (await world.get(batch_id)).sequence == sequence


async def test_a_row_of_a_stopped_batch_or_another_account_is_refused(world: World) -> None:
    batch_id = await world.batch(1)
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    with pytest.raises(PreconditionError) as refusal:
        await retry_row(world, batch_id, 0)
    assert refusal.value.reason is Reason.BATCH_STATE
    other = await world.new_account()
    row = await world.row(batch_id)
    for account_id, row_id in ((other, row.scheduled_call_id), (world.account_id, NO_ID)):
        with pytest.raises(OutdialError) as missing:
            await world.store.retries.retry_scheduled_call(
                account_id, ScheduledCallId(row_id), None
            )
        assert missing.value.reason is Reason.SCHEDULED_CALL_NOT_FOUND
