"""Time in a forecast: whole microseconds from the moment that it is made of."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MICROSECOND: Final = timedelta(microseconds=1)
SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class VirtualClock:
    """Turns them into moments and back, without loss: a gate that names a moment is open at
    it, and not a rounding error later."""

    start: datetime

    def moment(self, at_us: int) -> datetime:
        return self.start + timedelta(microseconds=at_us)

    def micros(self, at: datetime) -> int:
        return (at - self.start) // MICROSECOND
