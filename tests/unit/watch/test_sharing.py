"""What watchers of one batch share, and what a slow one costs: nothing to the others."""

import asyncio
import gc
from datetime import timedelta

import pytest

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.watch.tail import Tail
from outdial_server.watch.tails import RING_EVENTS_MAX
from outdial_server.watch.update import Update
from outdial_server.watch.watcher import EVENTS_PER_REREAD_MAX, WatchRequest
from support.clock import settle
from support.watch_checkers import ToldEvent, check_gapless, check_ordered, check_unique
from support.watching import BATCH_ONLY, EVERY_EVENT, LATEST, Bench, Reader

INTERVAL = timedelta(milliseconds=20)


def the_tail(bench: Bench) -> Tail[ToldEvent]:
    (tail,) = bench.watchers._tails._tasks
    return tail


async def test_watchers_in_step_get_the_same_objects() -> None:
    bench = Bench(rows=50)
    request = WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL)
    streams = [bench.open(request) for _ in range(20)]
    reads = bench.log.reads
    for round_number in range(5):
        following = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await settle()
        bench.log.step(events=3)
        updates = await bench.clock.drive(asyncio.gather(*following))
        assert len({id(update) for update in updates}) == 1, f"round {round_number}"
    assert bench.log.reads - reads <= 12, "one read a flush, not one a watcher"
    assert bench.encoded == list(range(2, 17)), "each event is encoded once"


async def test_each_view_is_folded_by_itself_from_the_same_encoded_events() -> None:
    bench = Bench(rows=3)
    streams = [
        bench.open(WatchRequest(bench.token_now(), view, INTERVAL))
        for view in (EVERY_EVENT, LATEST)
    ]
    following = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await settle()
    bench.log.step(events=20)
    every, latest = await bench.clock.drive(asyncio.gather(*following))
    assert len(every.events) > len(latest.events)
    assert latest.events[-1] is every.events[-1]


async def test_a_reader_that_stands_still_costs_a_ring_at_most_and_misses_nothing() -> None:
    bench = Bench(rows=30_000)
    slow = bench.open(WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL))
    quick = Reader(bench, WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL))
    quick_task = asyncio.ensure_future(quick.read())
    bench.log.step()
    first = await anext(slow)
    ring_sizes = []
    for _ in range(60):
        bench.log.step(events=200)
        await bench.clock.pass_time(INTERVAL)
        ring_sizes.append(len(the_tail(bench)._ring))
    await bench.clock.pass_time(INTERVAL)
    assert max(ring_sizes) <= RING_EVENTS_MAX
    assert ring_sizes[-1] <= 200, "who fell off the ring holds nothing"
    assert bench.watchers.lag == 12_000
    assert bench.watchers.lag_seconds >= INTERVAL.total_seconds()
    assert bench.watchers.reread_count == 0
    assert quick.told[-1].sequence == bench.log.batch.sequence, "the quick one was held up"

    numbers = [event.sequence for event in first.events]
    while numbers[-1] < bench.log.batch.sequence:
        numbers += [event.sequence for event in (await bench.clock.drive(anext(slow))).events]
    assert numbers == list(range(2, bench.log.batch.sequence + 1))
    assert bench.watchers.reread_count <= 12_000 // EVENTS_PER_REREAD_MAX + 1
    quick_task.cancel()


async def test_whoever_watches_the_batch_alone_costs_no_reading_of_its_calls() -> None:
    bench = Bench(rows=100)
    stream = bench.open(WatchRequest(bench.token_now(), BATCH_ONLY, INTERVAL))
    following = asyncio.ensure_future(anext(stream))
    await settle()
    read_before = bench.log.events_read
    bench.log.step(events=60)
    update = await bench.clock.drive(following)
    assert update.sequence == bench.log.batch.sequence
    assert update.batch.counts == bench.log.batch.counts
    assert not update.events
    assert bench.log.events_read - read_before == 1, "the last one says how far was read"


async def test_one_tail_serves_all_when_it_has_every_event() -> None:
    bench = Bench(rows=50)
    for views, tails in (((EVERY_EVENT, BATCH_ONLY), 1), ((BATCH_ONLY, EVERY_EVENT), 2)):
        requests = [WatchRequest(bench.token_now(), view, INTERVAL) for view in views]
        streams = [bench.open(request) for request in requests]
        following = []
        for stream in streams:
            following.append(asyncio.ensure_future(anext(stream)))
            await settle()
        bench.log.step(events=5)
        updates = await bench.clock.drive(asyncio.gather(*following))
        assert {update.sequence for update in updates} == {bench.log.batch.sequence}
        assert {len(update.events) for update in updates} == {0, 5}
        assert len(bench.watchers._tails._tasks) == tails
        assert bench.watchers.batch_count == 1
        for stream in streams:
            await stream.aclose()
        assert bench.watchers.batch_count == 0


async def test_what_all_have_seen_is_let_go() -> None:
    bench = Bench(rows=500)
    reader = Reader(bench, WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL))
    reading = asyncio.ensure_future(reader.read())
    for _ in range(20):
        bench.log.step(events=10)
        await bench.clock.pass_time(INTERVAL)
    await bench.clock.pass_time(timedelta(seconds=5))
    assert not the_tail(bench)._ring
    assert bench.watchers.lag_seconds == 0
    reader.told.clear()
    gc.collect()
    updates = [thing for thing in gc.get_objects() if isinstance(thing, Update)]
    assert len(updates) <= 1, "a stream holds its last message, nobody any other"
    reading.cancel()


async def test_a_tail_ends_with_its_last_watcher() -> None:
    bench = Bench(rows=5)
    tasks_before = asyncio.all_tasks()
    request = WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL)
    readers = [asyncio.ensure_future(Reader(bench, request).read()) for _ in range(3)]
    await settle()
    assert (bench.watchers.count, bench.watchers.batch_count) == (3, 1)
    for reader in readers:
        reader.cancel()
    await settle()
    assert (bench.watchers.count, bench.watchers.batch_count) == (0, 0)
    assert asyncio.all_tasks() == tasks_before
    reads = bench.log.reads
    bench.log.step()
    bench.clock.advance(timedelta(minutes=1))
    await settle()
    assert bench.log.reads == reads


async def test_a_log_that_fails_ends_its_streams_and_the_next_one_works() -> None:
    bench = Bench(rows=5)
    request = WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL)
    reading = [asyncio.ensure_future(anext(bench.open(request))) for _ in range(2)]
    await settle()
    error = UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
    bench.log.failure = error
    bench.log.step()
    for outcome in await bench.clock.drive(asyncio.gather(*reading, return_exceptions=True)):
        assert outcome is error
    bench.log.failure = None
    assert (await anext(bench.open(request))).sequence == 2


async def test_many_readers_of_any_pace_are_each_told_everything() -> None:
    bench = Bench(seed=7, rows=40)
    readers = [
        Reader(
            bench,
            WatchRequest(view=EVERY_EVENT, min_interval=INTERVAL * bench.random.randint(1, 50)),
            pause=lambda: timedelta(milliseconds=bench.random.choice((0, 0, 5, 900))),
        )
        for _ in range(12)
    ]
    work = asyncio.gather(bench.write_until_ended(), *(reader.read() for reader in readers))
    await bench.clock.drive(work)
    for reader in readers:
        start = next(m.sequence for m in reader.told if m.snapshot_complete)
        check_ordered(reader.told)
        check_unique(reader.told)
        check_gapless(reader.told, start, bench.log.batch.sequence)


@pytest.mark.parametrize("watchers", [1, 50])
async def test_commits_are_read_at_most_once_a_tick(watchers: int) -> None:
    bench = Bench(rows=2000)
    request = WatchRequest(bench.token_now(), EVERY_EVENT, INTERVAL)
    reading = [asyncio.ensure_future(Reader(bench, request).read()) for _ in range(watchers)]
    await settle()
    reads = bench.log.reads
    for _ in range(500):
        bench.log.step()
        await bench.clock.pass_time(timedelta(milliseconds=2))
    assert bench.log.reads - reads <= 1000 / 20 + 1
    for reader in reading:
        reader.cancel()
