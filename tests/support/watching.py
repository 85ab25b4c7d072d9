"""Watchers over a batch in memory, on a clock that a test moves."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from outdial_server.domain.event import Event
from outdial_server.watch.fold import Delivery, Scope, View
from outdial_server.watch.token import write_token
from outdial_server.watch.update import Update
from outdial_server.watch.watcher import Watchers, WatchRequest
from support.clock import ManualClock, ManualSignals
from support.memory_log import BATCH_ID, MemoryLog
from support.watch_checkers import Told, ToldEvent, told_event, told_update

LATEST = View(Delivery.LATEST, Scope.CALLS)
EVERY_EVENT = View(Delivery.EVERY_EVENT, Scope.CALLS)
BATCH_ONLY = View(Delivery.LATEST, Scope.BATCH)


class Bench:
    """One batch and all that is needed to watch it."""

    def __init__(self, seed: int = 0, rows: int = 0) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.random = Random(seed)
        self.log = MemoryLog(self.clock, self.signals, seed, rows)
        self.draining = asyncio.Event()
        self.encoded: list[int] = []
        self.watchers = Watchers(self.log, self.clock, self.signals, self._encode, self.draining)

    def open(self, request: WatchRequest) -> AsyncGenerator[Update[ToldEvent], None]:
        return self.watchers.watch(self.log.batch, request)

    def token_now(self) -> str:
        return self.token_at(self.log.batch.sequence)

    def token_at(self, sequence: int) -> str:
        return write_token(BATCH_ID, sequence)

    async def write_until_ended(self, *, busy: bool = False, retries: int = 0) -> None:
        """Writes at random moments, with rows added now and then, until all have ended;
        then, after the blink of an eye or a while, lets those that failed wait again, at
        most so many times."""
        await self._write_to_the_end(busy=busy)
        for _ in range(retries):
            await self.clock.sleep(timedelta(milliseconds=self.random.choice((0, 5, 60_000))))
            if self.log.retry():
                await self._write_to_the_end(busy=busy)

    async def _write_to_the_end(self, *, busy: bool) -> None:
        while self.log.step(events=self.random.choice((1, 1, 2, 5, 40))):
            if self.random.random() < 0.05:
                self.log.add_rows(self.random.randint(1, 5))
                if len(self.log.states_at(self.log.batch.sequence)) > 150:
                    break
            await self.clock.sleep(timedelta(milliseconds=self._gap_ms(busy=busy)))
        self.log.finish()

    def _gap_ms(self, *, busy: bool) -> float:
        if busy or self.random.random() < 0.9:
            return self.random.uniform(0, 30)
        return self.random.choice((300.0, 2_000.0, 40_000.0))

    def _encode(self, event: Event) -> ToldEvent:
        told = told_event(event)
        self.encoded.append(told.sequence)
        return told


@dataclass
class Reader:
    """Reads a watch to its end, message by message, over as many streams as it takes."""

    bench: Bench
    request: WatchRequest
    # Whether to drop the stream after a message, asked each time.
    cut: Callable[[], bool] = lambda: False
    # How long to take over a message.
    pause: Callable[[], timedelta] = timedelta

    def __post_init__(self) -> None:
        self.told: list[Told] = []
        self.streams = 0

    @property
    def is_over(self) -> bool:
        """Whether the newest there is was told, and with it the end."""
        newest = self.bench.log.batch.sequence
        return bool(self.told) and self.told[-1].ended and self.told[-1].sequence == newest

    async def read(self) -> list[Told]:
        """To the next end; asked again, on from there."""
        token = next((m.token for m in reversed(self.told) if m.token), "")
        request = replace(self.request, resume_token=token or self.request.resume_token)
        ended = False
        while not ended:
            async with aclosing(self.bench.open(request)) as stream:
                self.streams += 1
                await self._read_stream(stream)
            ended = self.told[-1].ended
            token = next((m.token for m in reversed(self.told) if m.token), "")
            request = replace(request, resume_token=token)
        return self.told

    async def _read_stream(self, stream: AsyncGenerator[Update[ToldEvent], None]) -> None:
        async for update in stream:
            self.told.append(told_update(update, self.bench.clock.now()))
            if self.cut():
                return
            if pause := self.pause():
                await self.bench.clock.sleep(pause)
