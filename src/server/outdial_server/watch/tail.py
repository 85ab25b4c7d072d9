"""The end of one batch's log, shared by all who watch it."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Generic, TypeVar

from outdial_server.domain.batch import Batch
from outdial_server.domain.event import Event
from outdial_server.ports.clock import Clock
from outdial_server.ports.events import EventLog
from outdial_server.ports.signals import Signals
from outdial_server.watch.entry import Entry
from outdial_server.watch.fold import View
from outdial_server.watch.update import EVENTS_PER_UPDATE_MAX, Update, events_update

E = TypeVar("E")

TICK: Final = timedelta(milliseconds=20)
"""Shortest time between two reads, and so the shortest flush interval there is. New events
release watchers together: they stay in step, and those in step share their messages."""
SWEEP: Final = timedelta(seconds=5)
"""A signal may be lost; nobody is told later than this."""


def _sequence(entry: Entry[E]) -> int:
    return entry.event.sequence


def _has_closed(batch: Batch) -> bool:
    """The batch has ended, or was deleted and nobody may look any more."""
    return batch.ended_at is not None or batch.deleted_at is not None


@dataclass(slots=True, eq=False)
class Follower:
    """Where a watcher stands and when it wants to be woken."""

    position: int
    # The earliest moment to be told of events, and the one to be told that there are none.
    flush_at: datetime
    heartbeat_at: datetime
    wake_up: asyncio.Future[datetime] | None = None


class Tail(Generic[E]):
    """Reads new events once for all followers and keeps the last of them in a ring.

    The ring reaches back to the slowest follower, at most `ring_events_max()` events; one
    that is slower reads the log for itself. So a follower that stands still costs a ring
    and no more, and holds up nobody.

    A thinned tail has what those need who watch the batch alone: most of a busy log is never
    read.
    """

    def __init__(
        self,
        batch: Batch,
        log: EventLog,
        clock: Clock,
        signals: Signals,
        encode: Callable[[Event], E],
        ring_events_max: Callable[[], int],
        *,
        thinned: bool = False,
    ) -> None:
        self.batch = batch
        self.end = batch.sequence
        self.thinned = thinned
        self.followers: set[Follower] = set()
        self._batch_id = batch.batch_id
        self._log = log
        self._clock = clock
        self._signals = signals
        self._encode = encode
        self._ring_events_max = ring_events_max
        # The events behind `_ring_start` up to `end`: all of them, unless the tail is thinned.
        self._ring: deque[Entry[E]] = deque()
        self._ring_start = self.end
        self._shared: dict[tuple[int, View], Update[E]] = {}
        self._read_at = clock.now()
        # When the first of those that wait is due, and until when `run` sleeps, if it does
        # and nothing is committed.
        self._due_at = self._read_at
        self._sleeps_until: datetime | None = None
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Until it is cancelled or the log fails; then call `fail`."""
        while True:
            # Before the read: a commit right after it then ends the pause.
            seen = self._signals.revision(self._batch_id)
            await self._read()
            self._release()
            await self._wait_for_tick()
            if self.end >= self.batch.sequence:
                await self._sleep(seen, self._read_at + SWEEP)

    def fail(self, error: BaseException) -> None:
        """Ends every wait, now and later, with `error`."""
        self._failure = error
        for follower in self.followers:
            if follower.wake_up is not None and not follower.wake_up.done():
                follower.wake_up.set_exception(error)

    async def wait(self, follower: Follower) -> datetime:
        """Returns the moment at which there is something to tell the follower: events,
        the end of the batch, or that nothing happens."""
        if self._failure is not None:
            raise self._failure
        now = self._clock.now()
        due_at = self._due_at_of(follower)
        if due_at <= now:
            return now
        self._due_at = min(self._due_at, due_at)
        if self._sleeps_until is not None and due_at < self._sleeps_until:
            # `run` then plans its sleep anew.
            self._signals.rouse(self._batch_id)
        follower.wake_up = asyncio.get_running_loop().create_future()
        try:
            return await follower.wake_up
        finally:
            follower.wake_up = None

    def update_after(self, position: int, view: View) -> Update[E] | None:
        """The next events behind `position`; None when the ring does not reach back to it."""
        if position < self._ring_start:
            return None
        update = self._shared.get((position, view))
        if update is None:
            entries = list(islice(self._unread(position), EVENTS_PER_UPDATE_MAX))
            update = self._shared[position, view] = events_update(self.batch, entries, view)
        return update

    def is_over(self, position: int) -> bool:
        """Whether a follower at `position` has seen all that this batch has to tell. One that
        comes from a newer snapshot than the tail has read waits for the tail: the batch may
        have ended here, and go on there."""
        return position == self.batch.sequence and _has_closed(self.batch)

    @property
    def lag(self) -> int:
        """How many events the slowest follower is behind."""
        return max((self.end - follower.position for follower in self.followers), default=0)

    @property
    def lag_seconds(self) -> float:
        """How long the first event that the slowest follower has not been told of has been
        in the log; of one that is behind the ring, at least so long."""
        slowest = min((follower.position for follower in self.followers), default=self.end)
        unread = next(self._unread(slowest), None)
        if unread is None:
            return 0.0
        return max((self._clock.now() - unread.event.at).total_seconds(), 0.0)

    def _unread(self, position: int) -> Iterator[Entry[E]]:
        first = bisect_right(self._ring, position, key=_sequence)
        return islice(self._ring, first, None)

    async def _read(self) -> None:
        read = await self._log.read(
            self._batch_id, self.end, EVENTS_PER_UPDATE_MAX, thinned=self.thinned
        )
        self._read_at = self._clock.now()
        self.batch = read.batch
        self._shared.clear()
        self._trim()
        self._ring.extend(Entry(event, self._encode) for event in read.events)
        if read.events:
            whole_to = self.end + len(read.events)
            self.end = read.events[-1].sequence
            if self.end != whole_to and not self.thinned:
                raise RuntimeError(f"the log of batch {self._batch_id} has a gap before {whole_to}")
        while len(self._ring) > self._ring_events_max():
            self._let_go_of_first()

    def _trim(self) -> None:
        """Lets go of what all have seen. Who has fallen off the ring does not come back
        onto it by waiting, and does not count."""
        start = self._ring_start
        needed_from = min(
            (f.position for f in self.followers if f.position >= start), default=self.end
        )
        while self._ring and self._ring[0].event.sequence <= needed_from:
            self._let_go_of_first()

    def _let_go_of_first(self) -> None:
        self._ring_start = self._ring.popleft().event.sequence

    def _release(self) -> None:
        """Wakes the followers that are due, and finds out when the next one is."""
        now = self._clock.now()
        self._due_at = now + SWEEP
        for follower in self.followers:
            wake_up = follower.wake_up
            if wake_up is None or wake_up.done():
                continue
            due_at = self._due_at_of(follower)
            if due_at <= now:
                wake_up.set_result(now)
            else:
                self._due_at = min(self._due_at, due_at)

    def _due_at_of(self, follower: Follower) -> datetime:
        if self.is_over(follower.position):
            return self._read_at
        if follower.position < self.end:
            return min(follower.flush_at, follower.heartbeat_at)
        return follower.heartbeat_at

    async def _wait_for_tick(self) -> None:
        """What is committed meanwhile waits for the next read; who becomes due does not."""
        tick_at = self._read_at + TICK
        while (now := self._clock.now()) < tick_at:
            if self._due_at <= now:
                self._release()
            await self._sleep(self._signals.revision(self._batch_id), tick_at)

    async def _sleep(self, seen: int, until: datetime) -> None:
        """Until a commit, until somebody is due, at most until `until`."""
        self._sleeps_until = min(until, self._due_at)
        await self._signals.wait_changed(self._batch_id, seen, self._sleeps_until)
        self._sleeps_until = None
