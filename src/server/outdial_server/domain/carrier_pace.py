"""The pace of a carrier account that has been asked for too much: its rate falls by a factor,
and rises again by so much a second. It is a function of time, so nothing is written while it
rises."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain import limits

FALL: Final = 0.5
"""What is left of a rate when the carrier says that it is too much."""

RESTART: Final = 0.125
"""What an account that did not work at all begins with."""

RISE: Final = timedelta(minutes=1)
"""From nothing to the whole rate."""

LEAST: Final = 0.1
"""Calls per second, below which no rate falls, unless the whole of it is lower."""

UNRATED: Final = float(limits.CALLS_PER_SECOND_MAX)
"""The rate of an account that has none: as much as any may have."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` calls per second until `since`, and more from then on. `full` is what it fell from
    at first."""

    rate: float
    full: float
    fell_at: datetime
    since: datetime

    def at(self, now: datetime) -> float:
        """No more than the configured rate: see `effective_rate`."""
        return self.rate + self.full * (max(now - self.since, timedelta(0)) / RISE)


def effective_rate(ceiling: float, pace: Pace | None, now: datetime) -> float:
    """Of an account whose configured rate is `ceiling`."""
    return ceiling if pace is None else min(ceiling, pace.at(now))


def fallen(
    pace: Pace | None, ceiling: float, full: float, now: datetime, since: datetime, share: float
) -> Pace:
    """The pace after it fell to a share of what it was, to rise from `since` on. `full` is what
    an account without a pace was asked for in the last second."""
    before = min(ceiling, full if pace is None else pace.at(now))
    rate = max(before * share, min(ceiling, LEAST))
    return Pace(rate, full if pace is None else pace.full, now, since)
