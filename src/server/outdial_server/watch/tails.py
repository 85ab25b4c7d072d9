"""Which batches are watched in this process."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Final, Generic, TypeVar

from outdial_server.domain.batch import Batch
from outdial_server.domain.event import Event
from outdial_server.domain.ids import BatchId
from outdial_server.ports.clock import Clock
from outdial_server.ports.events import EventLog
from outdial_server.ports.signals import Signals
from outdial_server.watch.draining import draining_error
from outdial_server.watch.fold import Scope
from outdial_server.watch.tail import Follower, Tail

E = TypeVar("E")

RING_EVENTS_MAX: Final = 4096
RING_EVENTS_LEAST: Final = 256
RINGS_EVENTS_MAX: Final = 512 * RING_EVENTS_LEAST
"""All rings together, up to 512 watched batches; beyond, the least for each."""


class Tails(Generic[E]):
    """One tail for each watched batch, from its first follower to its last; or two, when some
    began to watch the batch alone before others came for its calls."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        signals: Signals,
        encode: Callable[[Event], E],
        draining: asyncio.Event,
    ) -> None:
        self._log = log
        self._clock = clock
        self._signals = signals
        self._encode = encode
        self._draining = draining
        # By whether they are thinned, too.
        self._tails: dict[tuple[BatchId, bool], Tail[E]] = {}
        self._tasks: dict[Tail[E], asyncio.Task[None]] = {}
        self._drain_watch: asyncio.Task[None] | None = None

    @property
    def batch_count(self) -> int:
        return len({tail.batch.batch_id for tail in self._tasks})

    @property
    def lag(self) -> int:
        """How many events the slowest follower of all is behind."""
        return max((tail.lag for tail in self._tasks), default=0)

    @property
    def lag_seconds(self) -> float:
        return max((tail.lag_seconds for tail in self._tasks), default=0.0)

    @contextmanager
    def follow(self, batch: Batch, follower: Follower, scope: Scope) -> Iterator[Tail[E]]:
        """A tail of the batch, for as long as the context lasts."""
        self.refuse_when_draining()
        tail = self._serving(batch.batch_id, scope) or self._start(batch, scope)
        tail.followers.add(follower)
        try:
            yield tail
        finally:
            tail.followers.discard(follower)
            if not tail.followers:
                self._stop(tail)

    def refuse_when_draining(self) -> None:
        if self._draining.is_set():
            raise draining_error()

    def _ring_events_max(self) -> int:
        share = RINGS_EVENTS_MAX // max(len(self._tasks), 1)
        return max(RING_EVENTS_LEAST, min(RING_EVENTS_MAX, share))

    def _serving(self, batch_id: BatchId, scope: Scope) -> Tail[E] | None:
        """A tail that has every event is of use to everybody."""
        whole = self._tails.get((batch_id, False))
        return whole or (self._tails.get((batch_id, True)) if scope is Scope.BATCH else None)

    def _start(self, batch: Batch, scope: Scope) -> Tail[E]:
        thinned = scope is Scope.BATCH
        tail = Tail(
            batch,
            self._log,
            self._clock,
            self._signals,
            self._encode,
            self._ring_events_max,
            thinned=thinned,
        )
        self._tails[batch.batch_id, thinned] = tail
        # The RPC that happens to come first has its own context, with its caller in it.
        task = asyncio.create_task(tail.run(), name=f"tail {batch.batch_id}", context=Context())
        task.add_done_callback(lambda task: self._fail(tail, task))
        self._tasks[tail] = task
        if self._drain_watch is None:
            self._drain_watch = asyncio.create_task(self._drain(), name="tails drain")
        return tail

    def _fail(self, tail: Tail[E], task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Whoever comes next gets a tail that works.
            self._forget(tail)
            tail.fail(error)

    def _stop(self, tail: Tail[E]) -> None:
        self._forget(tail)
        self._tasks.pop(tail).cancel()
        if not self._tasks and self._drain_watch is not None:
            self._drain_watch.cancel()
            self._drain_watch = None

    def _forget(self, tail: Tail[E]) -> None:
        key = (tail.batch.batch_id, tail.thinned)
        if self._tails.get(key) is tail:
            del self._tails[key]

    async def _drain(self) -> None:
        await self._draining.wait()
        for tail in self._tasks:
            tail.fail(draining_error())
