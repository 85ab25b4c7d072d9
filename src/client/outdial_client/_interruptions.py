"""Streams that break and are taken up again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from outdial_client._errors import (
    DeadlineExceededError,
    OutdialError,
    RequestCancelledError,
    UnavailableError,
)
from outdial_client._watch_timing import WatchTiming

# Nothing wrong with the request: the server is away, stopping, or something on
# the way has cut the stream.
_PASSING = (UnavailableError, RequestCancelledError, DeadlineExceededError)


@dataclass(frozen=True, slots=True)
class WatchInterruption:
    """A stream broke; it is taken up again by itself."""

    error: OutdialError
    retry_in: timedelta
    failures: int
    """In a row, this one included."""


def is_passing(error: OutdialError) -> bool:
    """Whether waiting mends it."""
    return isinstance(error, _PASSING) or error.retry_after is not None


@dataclass(slots=True)
class Interruptions:
    """Counts failures in a row and waits ever longer after each."""

    timing: WatchTiming
    on_interruption: Callable[[WatchInterruption], None] | None = None
    failures: int = 0

    async def wait(self, error: OutdialError) -> None:
        """Before the next try; the failure has been counted."""
        delay = self.timing.delay(self.failures, at_least=error.retry_after)
        if self.on_interruption is not None:
            self.on_interruption(WatchInterruption(error, delay, self.failures))
        await self.timing.sleep(delay.total_seconds())
