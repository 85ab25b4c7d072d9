"""The system's time, and wake-ups at a moment of it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from outdial_server.ports.clock import Clock

Cancel = Callable[[], None]

_EARLY_MOST: Final = timedelta(seconds=1)
"""A timer that is earlier by more than that is not early: the clock was set back meanwhile. It
rings all the same, or whoever waits for a sweep would wait for as long as the clock was set."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Timers(Protocol):
    """Calls back at a moment of a clock; a test's clock calls back when it is moved."""

    def call_at(self, moment: datetime, callback: Callable[[], None]) -> Cancel:
        """Calls back once, on the event loop and never from within this call, when the
        clock has reached `moment`. The returned function takes that back."""
        ...


class LoopTimers:
    """Timers of the running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def call_at(self, moment: datetime, callback: Callable[[], None]) -> Cancel:
        return _LoopTimer(self._clock, moment, callback).cancel


class _LoopTimer:
    def __init__(self, clock: Clock, moment: datetime, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._moment = moment
        self._callback = callback
        self._handle = self._arm()

    def cancel(self) -> None:
        self._handle.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        delay_seconds = (self._moment - self._clock.now()).total_seconds()
        return asyncio.get_running_loop().call_later(max(delay_seconds, 0.0), self._ring)

    def _ring(self) -> None:
        # The loop counts in its own, monotonic time: it can be early by the clock's.
        if timedelta(0) < self._moment - self._clock.now() <= _EARLY_MOST:
            self._handle = self._arm()
        else:
            self._callback()
