"""Wake-ups inside one process."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from outdial_server.adapters.clock import LoopTimers, Timers
from outdial_server.domain.ids import BatchId
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import ANY_BATCH, Topic

IDLE_BATCHES_MAX: Final = 4096
"""Batches that were asked about and have no waiter at the moment. One that is dropped from
this memory gets a new revision when it is asked about again: its follower looks once for
nothing, and misses nothing."""


@dataclass(slots=True)
class _Followed:
    revision: int
    waiters: set[asyncio.Future[None]] = field(default_factory=set)


class InProcessSignals:
    """Signals by futures of one event loop, whose thread alone may call: another thread
    goes through `loop.call_soon_threadsafe`. Nothing is kept for a batch that nobody asks
    about, so a publish costs one look-up a batch, and one more."""

    def __init__(
        self, clock: Clock, timers: Timers | None = None, idle_batches_max: int = IDLE_BATCHES_MAX
    ) -> None:
        self._clock = clock
        self._timers = timers or LoopTimers(clock)
        self._idle_batches_max = idle_batches_max
        # The moments of the first wake that nobody has answered yet, and of those that the
        # last waits answered.
        self._woken: dict[Topic, datetime] = {}
        self._answered: dict[Topic, datetime | None] = {}
        self._sleepers: dict[Topic, asyncio.Future[None]] = {}
        # No two revisions are the same, of whatever batch: a dropped one never comes back.
        self._revision = 0
        self._wakes_delivery = False
        self._busy: dict[BatchId, _Followed] = {}
        self._idle: OrderedDict[BatchId, _Followed] = OrderedDict()

    def wake(self, *topics: Topic) -> None:
        for topic in topics:
            self._wake(topic)

    async def wait(self, topic: Topic, until: datetime | None) -> None:
        if topic not in self._woken:
            sleeper = asyncio.get_running_loop().create_future()
            self._sleepers[topic] = sleeper
            try:
                await self._sleep(sleeper, until)
            finally:
                del self._sleepers[topic]
        self._answered[topic] = self._woken.pop(topic, None)

    def woken_at(self, topic: Topic) -> datetime | None:
        return self._answered.get(topic)

    def follow_all(self, *, follows: bool) -> None:
        self._wakes_delivery = follows

    def publish(self, batch_ids: Collection[BatchId]) -> None:
        if self._wakes_delivery:
            self._wake(Topic.DELIVER)
        for batch_id in batch_ids:
            self._tell_followers(batch_id)
        if batch_ids:
            self._tell_followers(ANY_BATCH)

    def rouse(self, batch_id: BatchId) -> None:
        self._tell_followers(batch_id)

    def revision(self, batch_id: BatchId) -> int:
        return self._follow(batch_id).revision

    async def wait_changed(self, batch_id: BatchId, seen: int, until: datetime | None) -> int:
        followed = self._follow(batch_id)
        if followed.revision != seen:
            return followed.revision
        waiter = asyncio.get_running_loop().create_future()
        self._busy[batch_id] = followed
        self._idle.pop(batch_id, None)
        followed.waiters.add(waiter)
        try:
            await self._sleep(waiter, until)
        finally:
            followed.waiters.discard(waiter)
            if not followed.waiters:
                del self._busy[batch_id]
                self._keep_idle(batch_id, followed)
        return followed.revision

    async def pause(self, until: datetime) -> None:
        await self._sleep(asyncio.get_running_loop().create_future(), until)

    def _wake(self, topic: Topic) -> None:
        if topic not in self._woken:
            self._woken[topic] = self._clock.now()
        sleeper = self._sleepers.get(topic)
        if sleeper is not None:
            _resolve(sleeper)

    def _followed(self) -> list[BatchId]:
        """All batches that somebody has asked about."""
        return [*self._busy, *self._idle]

    def _tell_followers(self, batch_id: BatchId) -> None:
        followed = self._busy.get(batch_id) or self._idle.get(batch_id)
        if followed is not None:
            followed.revision = self._next_revision()
            for waiter in followed.waiters:
                _resolve(waiter)

    async def _sleep(self, sleeper: asyncio.Future[None], until: datetime | None) -> None:
        if until is None:
            return await sleeper
        cancel = self._timers.call_at(until, lambda: _resolve(sleeper))
        try:
            await sleeper
        finally:
            cancel()

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _follow(self, batch_id: BatchId) -> _Followed:
        busy = self._busy.get(batch_id)
        if busy is not None:
            return busy
        followed = self._idle.get(batch_id) or _Followed(self._next_revision())
        self._keep_idle(batch_id, followed)
        return followed

    def _keep_idle(self, batch_id: BatchId, followed: _Followed) -> None:
        self._idle[batch_id] = followed
        self._idle.move_to_end(batch_id)
        if len(self._idle) > self._idle_batches_max:
            self._idle.popitem(last=False)


def _resolve(future: asyncio.Future[None]) -> None:
    # A second wake-up may come before the sleeper has run and left.
    if not future.done():
        future.set_result(None)
