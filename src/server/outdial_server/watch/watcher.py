"""The stream of one watcher."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, Never, TypeVar

from outdial_server.domain.batch import Batch
from outdial_server.domain.event import Event
from outdial_server.domain.ids import BatchId
from outdial_server.ports.clock import Clock
from outdial_server.ports.events import EventLog
from outdial_server.ports.signals import Signals
from outdial_server.watch.entry import Entry
from outdial_server.watch.fold import Delivery, Scope, View
from outdial_server.watch.snapshot import Snapshot
from outdial_server.watch.tail import Follower, Tail
from outdial_server.watch.tails import Tails
from outdial_server.watch.token import read_token
from outdial_server.watch.update import (
    Update,
    UpdateKind,
    events_update,
    standing_update,
)

E = TypeVar("E")

EVENTS_PER_REREAD_MAX: Final = 250
"""What a watcher behind the ring holds while its reader does not read, some 2 KB each
before they are encoded; and a short turn for each where many are behind."""

INTERVAL_MIN: Final = timedelta(milliseconds=20)
INTERVAL_MAX: Final = timedelta(seconds=60)
INTERVAL_DEFAULT: Final = timedelta(milliseconds=250)
VIEW_DEFAULT: Final = View(Delivery.LATEST, Scope.CALLS)
HEARTBEAT_INTERVAL: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a watcher asks for. An empty token asks for a snapshot first."""

    resume_token: str = ""
    view: View = VIEW_DEFAULT
    min_interval: timedelta = INTERVAL_DEFAULT


class Watchers(Generic[E]):
    """Streams to all watchers of this process. `encode` is called about once an event,
    however many watch."""

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
        self._encode = encode
        self._tails = Tails(log, clock, signals, encode, draining)
        # For telemetry: watchers at this moment, and reads by those behind their ring.
        self.count = 0
        self.reread_count = 0

    @property
    def batch_count(self) -> int:
        return self._tails.batch_count

    @property
    def lag(self) -> int:
        """How many events the slowest watcher is behind."""
        return self._tails.lag

    @property
    def lag_seconds(self) -> float:
        """How long the slowest watcher's next event has waited for it."""
        return self._tails.lag_seconds

    async def watch(self, batch: Batch, request: WatchRequest) -> AsyncGenerator[Update[E], None]:
        """What happens in the batch until it has ended; `batch` as it was read just now.

        Raises InvalidFieldsError (RESUME_TOKEN_INVALID), OutOfRangeError (EVENTS_ERASED)
        and, at any time, UnavailableError (SERVER_DRAINING) and what the log raises.
        """
        self.count += 1
        position = 0
        try:
            if request.resume_token:
                position = read_token(request.resume_token, batch.batch_id, batch.sequence)
            else:
                async for page in self._snapshot(batch, request.view.scope):
                    yield page
                    batch, position = page.batch, page.sequence
            async with aclosing(self._follow(batch, position, request)) as updates:
                async for update in updates:
                    yield update
        finally:
            self.count -= 1

    async def _snapshot(self, batch: Batch, scope: Scope) -> AsyncGenerator[Update[Never], None]:
        """Ends with the update that says where the watcher stands."""
        if scope is Scope.BATCH:
            yield standing_update(UpdateKind.SNAPSHOT_COMPLETE, batch, batch.sequence)
            return
        async for update in Snapshot(self._log, batch).updates():
            self._tails.refuse_when_draining()
            yield update

    async def _follow(
        self, batch: Batch, position: int, request: WatchRequest
    ) -> AsyncGenerator[Update[E], None]:
        now = self._clock.now()
        follower = Follower(position, flush_at=now, heartbeat_at=now + HEARTBEAT_INTERVAL)
        with self._tails.follow(batch, follower, request.view.scope) as tail:
            is_over = False
            while not is_over:
                update = await self._next(tail, follower, request)
                yield update
                # Only now: a write to a slow reader takes its time.
                follower.heartbeat_at = self._clock.now() + HEARTBEAT_INTERVAL
                is_over = update.ended

    async def _next(self, tail: Tail[E], follower: Follower, request: WatchRequest) -> Update[E]:
        now = await tail.wait(follower)
        if follower.position < tail.end and follower.flush_at <= now:
            return await self._flush(tail, follower, request, now)
        is_over = tail.is_over(follower.position)
        kind = UpdateKind.EVENTS if is_over else UpdateKind.HEARTBEAT
        return standing_update(kind, tail.batch, follower.position, ended=is_over)

    async def _flush(
        self, tail: Tail[E], follower: Follower, request: WatchRequest, now: datetime
    ) -> Update[E]:
        end = tail.end
        update = tail.update_after(follower.position, request.view)
        if update is None:
            update = await self._reread(tail.batch.batch_id, follower.position, request.view)
        follower.position = update.sequence
        # More than one message holds is told at once, and is one flush.
        if update.sequence >= end:
            follower.flush_at = now + request.min_interval
        return update

    async def _reread(self, batch_id: BatchId, position: int, view: View) -> Update[E]:
        """For who is behind the ring: from the log, one message at a time."""
        self.reread_count += 1
        thinned = view.scope is Scope.BATCH
        read = await self._log.read(batch_id, position, EVENTS_PER_REREAD_MAX, thinned=thinned)
        entries = [Entry(event, self._encode) for event in read.events]
        return events_update(read.batch, entries, view)
