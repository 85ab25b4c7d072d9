"""How patient a watch is."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTiming:
    """The waits of a watch; a test gives its own `sleep` and `jitter`."""

    silence_limit: timedelta = timedelta(seconds=37.5)
    """A stream that says nothing for so long is dead: two heartbeats and a half."""
    first_delay: timedelta = timedelta(seconds=0.2)
    longest_delay: timedelta = timedelta(seconds=10)
    faults_allowed: int = 8
    """Faults in a row, of a server that does answer, after which the watch raises.

    A server that is away or stopping is no fault: it is waited for without end.
    """
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """From 0 to 1."""

    def delay(self, failures: int, *, at_least: timedelta | None = None) -> timedelta:
        """How long to wait after so many failures in a row.

        Doubles up to the longest, half of it by chance, so that the watchers of a
        server that comes back do not all arrive at once.
        """
        doublings = min(failures - 1, 16)
        grown = min(self.first_delay * (1 << doublings), self.longest_delay)
        return (at_least or timedelta()) + grown * (0.5 + self.jitter() / 2)
