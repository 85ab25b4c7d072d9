"""The promises of a watch, each by its checker, over a batch that is written by chance and
streams that are cut anywhere."""

import asyncio
from datetime import timedelta
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outdial_server.watch.fold import View
from outdial_server.watch.watcher import HEARTBEAT_INTERVAL, WatchRequest
from support.memory_log import BATCH_ID
from support.watch_checkers import (
    check_contiguous_messages,
    check_ended,
    check_gapless,
    check_heartbeats,
    check_ordered,
    check_paced,
    check_sizes,
    check_states,
    check_terminal_told,
    check_tokens,
    check_unique,
    told_event,
)
from support.watching import BATCH_ONLY, EVERY_EVENT, LATEST, Bench, Reader

seeds = st.integers(0, 2**32)
intervals = st.sampled_from([20, 50, 250, 1000, 60_000]).map(lambda ms: timedelta(milliseconds=ms))
views = st.sampled_from([LATEST, EVERY_EVENT, BATCH_ONLY])
cut_chances = st.sampled_from([0.0, 0.1, 0.5, 1.0])
# Each example is a whole life of a batch.
many_lives: Final = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def live(
    seed: int,
    view: View,
    min_interval: timedelta,
    cut_chance: float = 0.0,
    pauses_ms: tuple[int, ...] = (0,),
    token_at: int | None = None,
) -> tuple[Bench, Reader]:
    """The life of a batch, watched from its middle to its end, from a snapshot or from the
    event `token_at`."""

    async def life() -> tuple[Bench, Reader]:
        bench = Bench(seed, rows=20)
        bench.log.turns_max = 3
        bench.log.step(events=30)
        token = "" if token_at is None else bench.token_at(token_at)
        reader = Reader(
            bench,
            WatchRequest(token, view, min_interval),
            cut=lambda: bench.random.random() < cut_chance,
            pause=lambda: timedelta(milliseconds=bench.random.choice(pauses_ms)),
        )
        await bench.clock.drive(asyncio.gather(bench.write_until_ended(), reader.read()))
        return bench, reader

    return asyncio.run(life())


def start_of(reader: Reader) -> int:
    return next(message.sequence for message in reader.told if message.snapshot_complete)


def check_always(bench: Bench, reader: Reader) -> None:
    check_ordered(reader.told)
    check_unique(reader.told)
    check_tokens(reader.told, BATCH_ID)
    check_sizes(reader.told)
    check_ended(reader.told)
    assert reader.told[-1].sequence == bench.log.batch.sequence


@many_lives
@given(seeds, intervals, cut_chances)
def test_every_event_comes_once_in_order_over_any_cuts(
    seed: int, min_interval: timedelta, cut_chance: float
) -> None:
    bench, reader = live(seed, EVERY_EVENT, min_interval, cut_chance, token_at=10)
    check_always(bench, reader)
    check_gapless(reader.told, 10, bench.log.batch.sequence)
    check_contiguous_messages(reader.told)
    check_states(reader.told, bench.log.states_at, known=bench.log.states_at(10))
    if cut_chance == 1.0:
        assert reader.streams == len(reader.told)


@many_lives
@given(seeds, intervals, cut_chances)
def test_latest_keeps_every_state_true_and_every_end_told(
    seed: int, min_interval: timedelta, cut_chance: float
) -> None:
    bench, reader = live(seed, LATEST, min_interval, cut_chance, token_at=10)
    check_always(bench, reader)
    check_terminal_told(reader.told, [told_event(e) for e in bench.log.events], after=10)
    check_states(reader.told, bench.log.states_at, known=bench.log.states_at(10))


@many_lives
@given(seeds, st.sampled_from([LATEST, EVERY_EVENT]), intervals)
def test_a_snapshot_of_a_batch_in_motion_is_true_and_goes_on_without_a_gap(
    seed: int, view: View, min_interval: timedelta
) -> None:
    bench, reader = live(seed, view, min_interval)
    check_always(bench, reader)
    check_states(reader.told, bench.log.states_at)
    if view is EVERY_EVENT:
        check_gapless(reader.told, start_of(reader), bench.log.batch.sequence)


@many_lives
@given(seeds, cut_chances)
def test_the_scope_of_the_batch_never_tells_of_calls(seed: int, cut_chance: float) -> None:
    bench, reader = live(seed, BATCH_ONLY, timedelta(milliseconds=250), cut_chance)
    check_always(bench, reader)
    told = [event for message in reader.told for event in message.events]
    assert not [event for event in told if event.row is not None]
    assert not [message for message in reader.told if message.rows]
    own = [told_event(event) for event in bench.log.events]
    first = start_of(reader)
    assert told == [event for event in own[first:] if event.row is None]


@many_lives
@given(seeds, views, intervals)
def test_messages_keep_their_distance_and_silence_is_filled(
    seed: int, view: View, min_interval: timedelta
) -> None:
    _, reader = live(seed, view, min_interval)
    check_paced(reader.told, min_interval)
    check_heartbeats(reader.told, HEARTBEAT_INTERVAL)


@many_lives
@given(seeds, views)
def test_a_slow_reader_is_told_all_the_same(seed: int, view: View) -> None:
    pauses_ms = (0, 0, 20, 700, 5_000, 90_000)
    bench, reader = live(seed, view, timedelta(milliseconds=20), pauses_ms=pauses_ms)
    check_always(bench, reader)
    if view is not BATCH_ONLY:
        check_states(reader.told, bench.log.states_at)


@many_lives
@given(seeds, st.sampled_from([LATEST, EVERY_EVENT]), intervals, cut_chances)
def test_whoever_comes_back_with_the_last_token_sees_a_retried_batch_go_on(
    seed: int, view: View, min_interval: timedelta, cut_chance: float
) -> None:
    async def life() -> tuple[Bench, Reader]:
        bench = Bench(seed, rows=20)
        bench.log.turns_max = 3
        reader = Reader(
            bench,
            WatchRequest(bench.token_at(1), view, min_interval),
            cut=lambda: bench.random.random() < cut_chance,
        )

        async def read_on() -> None:
            while not (reader.is_over and writing.done()):
                await reader.read()
                await bench.clock.sleep(timedelta(seconds=1))

        writing = asyncio.ensure_future(bench.write_until_ended(retries=3))
        await bench.clock.drive(asyncio.gather(writing, read_on()))
        return bench, reader

    bench, reader = asyncio.run(life())
    newest = bench.log.batch.sequence
    check_ordered(reader.told)
    check_unique(reader.told)
    check_states(reader.told, bench.log.states_at, known=bench.log.states_at(1))
    check_terminal_told(reader.told, [told_event(e) for e in bench.log.events], after=1)
    if view is EVERY_EVENT:
        check_gapless(reader.told, 1, newest)
        check_contiguous_messages(reader.told)
    assert reader.told[-1].ended
