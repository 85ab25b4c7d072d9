"""Time that a test owns."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from outdial_server.adapters.signals import InProcessSignals

T = TypeVar("T")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# Turns of the event loop after which tasks that still wake each other never stop.
_TURNS_MAX = 100_000


class ManualClock:
    """A clock that stands still until it is moved, and the timers that hang on it."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return self._now

    def call_at(self, moment: datetime, callback: Callable[[], None]) -> Callable[[], None]:
        number = next(self._numbers)
        if moment <= self._now:
            return asyncio.get_running_loop().call_soon(callback).cancel
        heapq.heappush(self._timers, (moment, number, callback))
        return lambda: self._cancelled.add(number)

    @property
    def next_timer_at(self) -> datetime | None:
        while self._timers and self._timers[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._timers)[1])
        return self._timers[0][0] if self._timers else None

    def advance(self, by: timedelta) -> None:
        """Moves on and rings what has come due, in order. Whoever was woken has not run
        yet: `await settle()`."""
        self.move_to(self._now + by)

    def move_to(self, moment: datetime) -> None:
        while (due_at := self.next_timer_at) is not None and due_at <= moment:
            self._now = max(self._now, due_at)
            heapq.heappop(self._timers)[2]()
        self._now = max(self._now, moment)

    async def sleep(self, by: timedelta) -> None:
        woken = asyncio.Event()
        cancel = self.call_at(self._now + by, woken.set)
        try:
            await woken.wait()
        finally:
            cancel()

    async def pass_time(self, by: timedelta) -> None:
        """Moves on, timer by timer, and lets everything run at each."""
        await self.drive(self.sleep(by))

    async def drive(self, work: Awaitable[T]) -> T:
        """Runs `work` to its end and jumps to the next timer whenever nothing else can
        run. For work without threads and sockets: those are invisible to it."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await settle(task)
                if not task.done():
                    self._jump()
            return task.result()
        finally:
            task.cancel()

    def _jump(self) -> None:
        due_at = self.next_timer_at
        if due_at is None:
            raise AssertionError("everything waits, and nothing is timed to end that")
        self.move_to(due_at)


class ManualSignals(InProcessSignals):
    """The real signals on a clock that a test moves."""

    def __init__(self, clock: ManualClock, idle_batches_max: int = 4096) -> None:
        super().__init__(clock, clock, idle_batches_max)


async def settle(task: "asyncio.Future[T] | None" = None) -> None:
    """Lets everything run that can run now, or until `task` is done."""
    loop = asyncio.get_running_loop()
    for _ in range(_TURNS_MAX):
        await asyncio.sleep(0)
        if not _is_anything_ready(loop) or (task is not None and task.done()):
            return
    raise AssertionError("tasks wake each other without end, and no time passes")


def _is_anything_ready(loop: asyncio.AbstractEventLoop) -> bool:
    # The loop has no public word for it.
    return bool(loop._ready)  # type: ignore[attr-defined]
