"""Watchers of many batches: each change is told in its newest state, wherever a stream was
cut, in messages and tokens of bounded size."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outdial_server.domain.batch import Batch
from outdial_server.domain.errors import InvalidFieldsError, NotFoundError, Reason, UnavailableError
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.ports.board import FOLLOWED_MAX, Selection
from outdial_server.watch.board import TOLD_MAX, Told
from outdial_server.watch.board_token import read_board_token, write_board_token
from outdial_server.watch.board_watcher import BoardRequest, BoardUpdate, BoardWatchers
from support.clock import START, ManualClock, ManualSignals
from support.domain import ACCOUNT
from support.memory_board import MemoryBoard

ALL = Selection(ACCOUNT)
QUICK = timedelta(milliseconds=20)


class Bench:
    def __init__(self, *, elsewhere: bool = False) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.board = MemoryBoard(self.clock, None if elsewhere else self.signals)
        self.draining = asyncio.Event()
        self.watchers = BoardWatchers(self.board, self.clock, self.signals, self.draining)

    def open(
        self, selection: Selection = ALL, token: str = "", interval: timedelta = QUICK
    ) -> AsyncGenerator[BoardUpdate, None]:
        return self.watchers.watch(BoardRequest(selection, token, interval))

    async def next(self, stream: AsyncGenerator[BoardUpdate, None]) -> BoardUpdate:
        return await self.clock.drive(anext(stream))

    async def snapshot(self, stream: AsyncGenerator[BoardUpdate, None]) -> list[BoardUpdate]:
        told = [await self.next(stream)]
        while not told[-1].is_snapshot_complete:
            told.append(await self.next(stream))
        return told


def ids(update: BoardUpdate) -> list[BatchId]:
    return [batch.batch_id for batch in update.batches]


class Console:
    """What somebody sees who is told, over any number of streams."""

    def __init__(self) -> None:
        self.shown: dict[BatchId, Batch] = {}
        self.token = ""
        self.began = START

    def start(self, now: datetime) -> None:
        """A snapshot that was cut is read again from its start."""
        if not self.token:
            self.shown.clear()
            self.began = now

    def take(self, update: BoardUpdate) -> None:
        for batch in update.batches:
            known = self.shown.get(batch.batch_id)
            assert known is None or known.sequence < batch.sequence, "told twice"
            self.shown[batch.batch_id] = batch
        for gone in update.deleted_batch_ids:
            del self.shown[gone]
        self.token = update.resume_token or self.token


def change_something(bench: Bench, chance: Random) -> None:
    bench.clock.advance(timedelta(milliseconds=1))
    board = bench.board
    alive = [b for b in board.there.values() if b.deleted_at is None]
    running = [b.batch_id for b in alive if b.ended_at is None]
    ended = [b.batch_id for b in alive if b.ended_at is not None]
    match chance.randrange(8):
        case 2 | 3 | 4 if running:
            board.move(chance.choice(running))
        case 5 if running:
            board.end(chance.choice(running))
        case 6 if ended:
            board.retry(chance.choice(ended))
        case 7 if alive:
            board.delete(chance.choice(alive).batch_id)
        case _:
            board.add()


async def read_a_while(bench: Bench, console: Console, chance: Random, changes: int) -> None:
    """Changes things while it reads. Leaves by chance, or when nothing is left to tell."""
    console.start(bench.clock.now())
    async with aclosing(bench.open(token=console.token)) as stream:
        beats = 0
        while beats < 2:
            update = await bench.next(stream)
            console.take(update)
            beats = beats + 1 if update.is_heartbeat else 0
            if changes and chance.random() < 0.2:
                return
            for _ in range(min(changes, chance.choice((1, 1, 5)))):
                change_something(bench, chance)
                changes, beats = changes - 1, 0


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), elsewhere=st.booleans())
async def test_a_console_shows_what_there_is_however_often_it_is_cut(
    seed: int, elsewhere: bool
) -> None:
    chance, bench, console = Random(seed), Bench(elsewhere=elsewhere), Console()
    for _ in range(5):
        change_something(bench, chance)
    for _ in range(chance.randint(1, 6)):
        await read_a_while(bench, console, chance, changes=12)
        for _ in range(chance.choice((0, 1, 4)) if console.token else 0):
            bench.clock.advance(timedelta(seconds=chance.choice((0, 3, 100))))
            change_something(bench, chance)
    await read_a_while(bench, console, chance, changes=0)
    there = {i: batch for i, batch in bench.board.there.items() if batch.deleted_at is None}
    # But for what had ended before anybody watched, and what was deleted long after its end.
    owed = {i: b for i, b in there.items() if b.ended_at is None or b.ended_at > console.began}
    assert {i: b for i, b in console.shown.items() if i in owed} == owed
    assert all(b.ended_at is not None for i, b in console.shown.items() if i not in there)


async def test_a_batch_that_comes_is_told_within_the_interval_and_its_end_once() -> None:
    bench = Bench()
    first = bench.board.add()
    async with aclosing(bench.open(interval=timedelta(seconds=1))) as stream:
        assert [ids(update) for update in await bench.snapshot(stream)] == [[first], []]
        began = bench.clock.now()
        second = bench.board.add()
        assert ids(await bench.next(stream)) == [second]
        assert bench.clock.now() - began == timedelta(seconds=1)
        bench.board.move(first)
        bench.board.end(first)
        bench.board.delete(second)
        gone, ended = [await bench.next(stream), await bench.next(stream)]
        assert (gone.deleted_batch_ids, ids(gone)) == ([second], [])
        assert ended.batches == [bench.board.there[first]]
        assert (await bench.next(stream)).is_heartbeat


async def test_many_changes_of_one_batch_are_one_message() -> None:
    bench = Bench()
    batch_id = bench.board.add()
    async with aclosing(bench.open(interval=timedelta(seconds=1))) as stream:
        await bench.snapshot(stream)
        for _ in range(500):
            bench.board.move(batch_id)
        assert [b.sequence for b in (await bench.next(stream)).batches] == [501]
        assert (await bench.next(stream)).is_heartbeat


async def test_nothing_is_looked_for_between_two_sweeps_where_nothing_is_published() -> None:
    bench = Bench(elsewhere=True)
    async with aclosing(bench.open()) as stream:
        await bench.snapshot(stream)
        began = bench.clock.now()
        assert (await bench.next(stream)).is_heartbeat
        assert bench.clock.now() - began == timedelta(seconds=15)
        # The snapshot's, and one each five seconds.
        assert bench.board.looks <= 1 + 3


async def test_named_batches_end_their_stream_and_one_that_is_retried_does_not() -> None:
    bench = Bench()
    one, two = bench.board.add(), bench.board.add()
    async with aclosing(bench.open(Selection(ACCOUNT, (one, two)))) as stream:
        await bench.snapshot(stream)
        bench.board.add()
        bench.board.end(one)
        assert ids(await bench.next(stream)) == [one]
        bench.board.retry(one)
        bench.board.delete(two)
        await bench.next(stream)
        assert ids(await bench.next(stream)) == [one]
        bench.board.end(one)
        last = await bench.next(stream)
        assert ids(last) == [one]
        with pytest.raises(StopAsyncIteration):
            await bench.next(stream)
    async with aclosing(bench.open(Selection(ACCOUNT, (one, two)), last.resume_token)) as stream:
        with pytest.raises(StopAsyncIteration):
            await bench.next(stream)


async def test_a_named_batch_that_is_not_there_is_said_before_anything_else() -> None:
    bench = Bench()
    there, missing = bench.board.add(), BatchId("no batch")
    with pytest.raises(NotFoundError) as refused:
        await bench.next(bench.open(Selection(ACCOUNT, (there, missing))))
    assert refused.value.reason is Reason.BATCH_NOT_FOUND
    assert bench.watchers.count == 0


async def test_the_newest_are_followed_where_there_are_too_many() -> None:
    bench = Bench()
    made = [bench.board.add() for _ in range(FOLLOWED_MAX + 3)]
    async with aclosing(bench.open()) as stream:
        told = await bench.snapshot(stream)
        assert [i for update in told for i in ids(update)] == made[:2:-1]
        assert all(update.is_truncated for update in told)
        bench.board.move(made[0])
        bench.board.move(made[-1])
        assert ids(await bench.next(stream)) == [made[-1]]
        # One that leaves makes room for another, which is told.
        bench.board.end(made[-1])
        assert set(ids(await bench.next(stream))) == {made[-1], made[2]}
        bench.board.end(made[-2])
        bench.board.end(made[-3])
        update = await bench.next(stream)
        assert not update.is_truncated
        assert len(update.resume_token) < 8_000


async def test_a_server_that_drains_ends_the_stream_at_once() -> None:
    bench = Bench()
    async with aclosing(bench.open(interval=timedelta(seconds=60))) as stream:
        await bench.snapshot(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        bench.draining.set()
        with pytest.raises(UnavailableError) as ended:
            await waiting
    assert ended.value.reason is Reason.SERVER_DRAINING
    assert bench.clock.now() == START


uuids = st.uuids().map(str)
selections = st.builds(
    Selection,
    uuids.map(AccountId),
    st.lists(uuids.map(BatchId), max_size=3).map(tuple),
    st.none() | uuids.map(AgentId),
)
tolds = st.builds(
    Told,
    st.dictionaries(uuids.map(BatchId), st.integers(0, 2**40 - 1), max_size=20),
    st.timedeltas(timedelta(), timedelta(days=50_000)).map(lambda after: START + after),
)


@given(tolds, selections, selections, st.data())
def test_a_token_gives_back_what_was_told_to_its_own_watch_alone(
    told: Told, selection: Selection, other: Selection, data: st.DataObject
) -> None:
    token = write_board_token(told, selection)
    assert read_board_token(token, selection) == told
    for wrong in (token + "A", token + "=", "." + token, data.draw(st.text(min_size=1))):
        with pytest.raises(InvalidFieldsError) as refused:
            _ = read_board_token(wrong, selection)
        assert refused.value.reason is Reason.RESUME_TOKEN_INVALID
    if other != selection:
        with pytest.raises(InvalidFieldsError, match="resume_token"):
            read_board_token(token, other)


@given(tolds, selections, st.data())
def test_a_token_that_is_cut_is_refused_or_knows_fewer_batches(
    told: Told, selection: Selection, data: st.DataObject
) -> None:
    token = write_board_token(told, selection)
    cut = token[: data.draw(st.integers(1, len(token) - 1))]
    try:
        left = read_board_token(cut, selection)
    except InvalidFieldsError:
        return
    # Cut right behind a batch. The others are told as if they were new.
    assert left.sequences.items() < told.sequences.items()
    assert left.ended_since == told.ended_since


def test_a_token_that_holds_more_than_any_watch_is_refused() -> None:
    told = Told({BatchId(f"{n:032x}"): n for n in range(TOLD_MAX + 1)}, START)
    with pytest.raises(InvalidFieldsError):
        read_board_token(write_board_token(told, ALL), ALL)
