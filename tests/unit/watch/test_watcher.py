"""The stream of one watcher, moment by moment."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from outdial_server.domain.errors import OutOfRangeError, Reason, UnavailableError
from outdial_server.domain.event import EventType
from outdial_server.watch.fold import View
from outdial_server.watch.tail import TICK
from outdial_server.watch.update import Update, UpdateKind
from outdial_server.watch.watcher import EVENTS_PER_REREAD_MAX, WatchRequest
from support.clock import settle
from support.watch_checkers import ToldEvent, check_erased_named, check_states, told_update
from support.watching import BATCH_ONLY, EVERY_EVENT, LATEST, Bench

INTERVAL = timedelta(milliseconds=250)
MOMENT = timedelta(milliseconds=1)
Stream = AsyncGenerator[Update[ToldEvent], None]


def every_event(bench: Bench, view: View = EVERY_EVENT) -> WatchRequest:
    """From now on, without a snapshot."""
    return WatchRequest(bench.token_now(), view, INTERVAL)


class Next:
    """The next message of a stream, whenever it comes."""

    def __init__(self, stream: Stream) -> None:
        self._task = asyncio.ensure_future(anext(stream))

    async def has_come(self) -> bool:
        await settle()
        return self._task.done()

    async def update(self) -> Update[ToldEvent]:
        assert await self.has_come()
        return self._task.result()

    async def error(self) -> BaseException | None:
        assert await self.has_come()
        return self._task.exception()


async def come(stream: Stream) -> Update[ToldEvent]:
    """The next message, which must be there without time passing."""
    return await Next(stream).update()


async def test_a_batch_without_rows_starts_with_a_complete_snapshot() -> None:
    bench = Bench()
    update = await come(bench.open(WatchRequest()))
    assert update.kind is UpdateKind.SNAPSHOT_COMPLETE
    assert (update.sequence, update.resume_token) == (1, bench.token_at(1))


async def test_a_snapshot_comes_in_pages_then_the_place_then_events() -> None:
    bench = Bench(rows=600)
    stream = bench.open(WatchRequest(view=EVERY_EVENT))
    pages = [await come(stream) for _ in range(3)]
    assert [len(page.rows) for page in pages] == [250, 250, 100]
    assert {page.resume_token for page in pages} == {""}
    assert (await come(stream)).kind is UpdateKind.SNAPSHOT_COMPLETE
    bench.log.step()
    assert [e.sequence for e in (await come(stream)).events] == [2]


async def test_a_snapshot_takes_in_what_was_added_and_changed_while_it_was_read() -> None:
    bench = Bench(rows=600)
    stream = bench.open(WatchRequest(view=EVERY_EVENT))
    told = [told_update(await come(stream), bench.clock.now())]
    bench.log.step(events=700)
    bench.log.add_rows(10)
    while not told[-1].snapshot_complete:
        told.append(told_update(await come(stream), bench.clock.now()))
    check_states(told, bench.log.states_at)
    assert told[-1].sequence == bench.log.batch.sequence


async def test_a_snapshot_takes_in_rows_added_behind_its_last_page() -> None:
    bench = Bench(rows=5)

    def add_behind_the_list() -> None:
        bench.log.add_rows(3)
        bench.log.behind_next_read = lambda: bench.log.step(events=4)

    bench.log.behind_next_read = add_behind_the_list
    stream = bench.open(WatchRequest())
    told = [told_update(await come(stream), bench.clock.now())]
    while not told[-1].snapshot_complete:
        told.append(told_update(await come(stream), bench.clock.now()))
    check_states(told, bench.log.states_at)
    assert len(bench.log.states_at(told[-1].sequence)) == 8


async def test_the_first_event_comes_at_once_and_the_next_after_the_interval() -> None:
    bench = Bench(rows=5)
    stream = bench.open(every_event(bench))
    following = Next(stream)
    await bench.clock.pass_time(timedelta(seconds=1))
    bench.log.step()
    assert [e.sequence for e in (await following.update()).events] == [2]

    following = Next(stream)
    bench.log.step(events=2)
    bench.clock.advance(INTERVAL - MOMENT)
    bench.log.step()
    assert not await following.has_come()
    bench.clock.advance(MOMENT)
    assert [e.sequence for e in (await following.update()).events] == [3, 4, 5]


async def test_a_watcher_that_comes_back_behind_the_end_is_told_at_once() -> None:
    bench = Bench(rows=5)
    request = every_event(bench)
    bench.log.step(events=3)
    stream = bench.open(request)
    assert [e.sequence for e in (await come(stream)).events] == [2, 3, 4]


async def test_more_than_a_message_holds_is_one_flush() -> None:
    bench = Bench(rows=3000)
    request = every_event(bench)
    bench.log.step(events=2500)
    stream = bench.open(request)
    whole = 2500 // EVENTS_PER_REREAD_MAX
    sizes = [len((await come(stream)).events) for _ in range(whole)]
    assert sizes == [EVENTS_PER_REREAD_MAX] * whole
    following = Next(stream)
    bench.log.step()
    assert not await following.has_come()


async def test_a_burst_read_slice_by_slice_is_told_whole() -> None:
    bench = Bench(rows=20_000)
    stream = bench.open(every_event(bench))
    following = Next(stream)
    await bench.clock.pass_time(TICK)
    bench.log.step(events=3500)
    numbers = [e.sequence for e in (await following.update()).events]
    while len(numbers) < 3500:
        following = Next(stream)
        await bench.clock.drive(following._task)
        numbers += [e.sequence for e in (await following.update()).events]
    assert numbers == list(range(2, 3502))


async def test_a_heartbeat_comes_after_fifteen_idle_seconds_and_again() -> None:
    bench = Bench(rows=1)
    stream = bench.open(every_event(bench))
    for _ in range(2):
        following = Next(stream)
        await settle()
        bench.clock.advance(timedelta(seconds=15) - MOMENT)
        assert not await following.has_come()
        bench.clock.advance(MOMENT)
        update = await following.update()
        assert update.kind is UpdateKind.HEARTBEAT
        assert update.resume_token == bench.token_now()


async def test_a_heartbeat_stands_before_events_that_its_watcher_was_not_told() -> None:
    bench = Bench(rows=5)
    request = WatchRequest(bench.token_now(), EVERY_EVENT, timedelta(seconds=60))
    stream = bench.open(request)
    bench.log.step()
    assert (await come(stream)).sequence == 2
    following = Next(stream)
    bench.log.step()
    await settle()
    bench.clock.advance(timedelta(seconds=15))
    update = await following.update()
    assert (update.kind, update.sequence) == (UpdateKind.HEARTBEAT, 2)
    following = Next(stream)
    await bench.clock.drive(following._task)
    assert (await following.update()).kind is UpdateKind.HEARTBEAT


async def test_a_commit_behind_a_read_is_told_at_the_next_tick() -> None:
    bench = Bench(rows=5)
    stream = bench.open(every_event(bench))
    bench.log.behind_next_read = bench.log.step
    following = Next(stream)
    await bench.clock.pass_time(TICK)
    assert (await following.update()).sequence == 2


async def test_who_comes_back_from_a_slow_write_is_told_when_its_interval_ends() -> None:
    bench = Bench(rows=5)
    stream = bench.open(every_event(bench))
    bench.log.step()
    await come(stream)
    await bench.clock.pass_time(INTERVAL / 5)
    bench.log.step()
    await bench.clock.pass_time(INTERVAL / 5)
    following = Next(stream)
    await bench.clock.pass_time(INTERVAL * 3 / 5)
    assert (await following.update()).sequence == 3


async def test_a_lost_signal_delays_and_loses_nothing() -> None:
    bench = Bench(rows=5)
    stream = bench.open(every_event(bench))
    following = Next(stream)
    await settle()
    bench.log._signals = Bench().signals
    bench.log.step()
    assert not await following.has_come()
    bench.clock.advance(timedelta(seconds=5))
    assert (await following.update()).sequence == 2


async def test_the_end_of_the_batch_is_the_last_message() -> None:
    bench = Bench(rows=3)
    stream = bench.open(every_event(bench))
    bench.log.finish()
    update = await come(stream)
    assert update.ended
    assert update.events[-1].type == EventType.BATCH_ENDED
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert bench.watchers.count == bench.watchers.batch_count == 0


@pytest.mark.parametrize("view", [EVERY_EVENT, LATEST, BATCH_ONLY])
async def test_a_batch_that_has_ended_is_told_and_closed(view: View) -> None:
    bench = Bench(rows=3)
    bench.log.finish()
    kinds = [u.kind async for u in bench.open(WatchRequest(view=view))]
    assert kinds[-2:] == [UpdateKind.SNAPSHOT_COMPLETE, UpdateKind.EVENTS]
    resumed = [u async for u in bench.open(WatchRequest(bench.token_now(), view))]
    assert [(u.ended, u.sequence) for u in resumed] == [(True, bench.log.batch.sequence)]


def failed_batch() -> Bench:
    """A batch that has ended with rows to retry."""
    bench = Bench(seed=1, rows=20)
    bench.log.finish()
    return bench


@pytest.mark.parametrize("view", [LATEST, EVERY_EVENT, BATCH_ONLY])
async def test_a_token_from_before_the_end_leads_into_the_retry(view: View) -> None:
    bench = failed_batch()
    token = bench.token_at(bench.log.batch.sequence - 2)
    assert bench.log.retry()
    stream = bench.open(WatchRequest(token, view, INTERVAL))
    update = await come(stream)
    assert not update.ended
    assert update.sequence == bench.log.batch.sequence
    types = [event.type for event in update.events]
    assert [t for t in types if t in (EventType.BATCH_ENDED, EventType.BATCH_STATE_CHANGED)] == [
        EventType.BATCH_ENDED,
        EventType.BATCH_STATE_CHANGED,
    ]
    following = Next(stream)
    await settle()
    bench.log.finish()
    bench.clock.advance(INTERVAL)
    assert (await following.update()).ended


async def test_the_token_of_the_end_leads_into_the_retry() -> None:
    bench = failed_batch()
    token = bench.token_now()
    assert bench.log.retry()
    update = await come(bench.open(WatchRequest(token, EVERY_EVENT, INTERVAL)))
    assert update.events[0].type == EventType.BATCH_STATE_CHANGED
    assert not update.ended


async def test_a_slow_watcher_that_missed_the_end_goes_on_with_the_batch() -> None:
    bench = Bench(seed=1, rows=20)
    slow = bench.open(every_event(bench))
    following = Next(slow)
    bench.log.step()
    before = await following.update()
    bench.log.finish()
    assert bench.log.retry()
    bench.clock.advance(INTERVAL)
    update = await come(slow)
    assert update.events[0].sequence == before.sequence + 1
    assert update.sequence == bench.log.batch.sequence
    assert not update.ended


async def test_a_tail_that_has_seen_the_end_ends_nobody_who_comes_from_the_retry() -> None:
    bench = Bench(seed=1, rows=20)
    # It has its last message and does not read on: its tail stands at the end.
    lingering = bench.open(every_event(bench))
    following = Next(lingering)
    bench.log.finish()
    assert (await following.update()).ended
    bench.log._signals = Bench().signals
    assert bench.log.retry()
    fresh = bench.open(WatchRequest("", LATEST, INTERVAL))
    update = await come(fresh)
    while update.kind is not UpdateKind.SNAPSHOT_COMPLETE:
        update = await come(fresh)
    following = Next(fresh)
    assert not await following.has_come()
    await lingering.aclose()
    bench.clock.advance(timedelta(seconds=5))
    bench.log.step()
    bench.clock.advance(timedelta(seconds=5))
    assert not (await following.update()).ended


async def test_a_stream_that_was_open_sees_the_deletion_and_ends() -> None:
    bench = Bench(rows=3)
    stream = bench.open(every_event(bench))
    bench.log.step()
    bench.log.delete()
    bench.log.step(events=5)
    updates = [update async for update in stream]
    assert [e.type for u in updates for e in u.events][-1] == EventType.BATCH_DELETED
    assert [u.ended for u in updates] == [True]


async def test_a_deletion_inside_a_snapshot_ends_the_stream_after_it() -> None:
    bench = Bench(rows=300)
    stream = bench.open(WatchRequest())
    await come(stream)
    bench.log.delete()
    updates = [update async for update in stream]
    assert [u.kind for u in updates][-2:] == [UpdateKind.SNAPSHOT_COMPLETE, UpdateKind.EVENTS]
    assert updates[-1].ended


async def test_in_the_scope_of_the_batch_only_the_place_and_the_counts_move() -> None:
    bench = Bench(rows=300)
    stream = bench.open(WatchRequest(view=BATCH_ONLY))
    first = await come(stream)
    assert (first.kind, first.rows) == (UpdateKind.SNAPSHOT_COMPLETE, ())
    bench.log.step()
    bench.log.add_rows(2)
    update = await come(stream)
    assert [e.type for e in update.events] == [EventType.SCHEDULED_CALLS_ADDED]
    assert update.batch.counts.total == 302
    assert update.resume_token == bench.token_now()
    following = Next(stream)
    bench.log.step()
    await bench.clock.drive(following._task)
    update = await following.update()
    assert (update.kind, list(update.events)) == (UpdateKind.EVENTS, [])
    assert update.resume_token == bench.token_now()


async def test_draining_ends_streams_that_wait_that_flush_and_that_come() -> None:
    bench = Bench(rows=300)
    waiting = Next(bench.open(every_event(bench)))
    in_snapshot = bench.open(WatchRequest())
    await come(in_snapshot)
    assert not await waiting.has_come()
    bench.draining.set()
    coming = bench.open(every_event(bench))
    for following in (waiting, Next(in_snapshot), Next(coming)):
        error = await following.error()
        assert isinstance(error, UnavailableError)
        assert error.reason is Reason.SERVER_DRAINING
    await settle()
    assert bench.watchers.count == bench.watchers.batch_count == 0


async def test_a_place_whose_next_events_were_erased_is_refused_by_name() -> None:
    bench = Bench(rows=5)
    bench.log.step(events=9)
    bench.log.erase(before=7)
    fine = bench.open(WatchRequest(bench.token_at(6), EVERY_EVENT))
    assert [e.sequence for e in (await come(fine)).events] == [7, 8, 9, 10]
    with pytest.raises(OutOfRangeError) as refused:
        await anext(bench.open(WatchRequest(bench.token_at(5), EVERY_EVENT)))
    check_erased_named(refused.value, oldest=7)


async def test_a_watcher_at_the_end_is_not_hurt_by_erasing_what_it_has_seen() -> None:
    bench = Bench(rows=5)
    bench.log.step(events=9)
    bench.log.erase(before=11)
    stream = bench.open(every_event(bench))
    following = Next(stream)
    await bench.clock.pass_time(TICK)
    bench.log.step()
    assert (await following.update()).sequence == 11
