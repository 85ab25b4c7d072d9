"""The time in which a batch may start calls, day by day of its zone: what is spread over a
day, and what an estimate walks along. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Final

from outdial_server.domain.calling_hours import CallingHours, Opening, opening_on
from outdial_server.domain.time_zones import local_day, moment_of

_MINUTES_A_DAY: Final = 24 * 60

_REACHES_DAYS: Final = 2
"""An opening ends on the day behind its own, or by a clock change a little later."""


@dataclass(frozen=True, slots=True)
class OpenTime:
    """Without hours every day is open from midnight to midnight. Nothing is at `end` or
    behind it."""

    zone: str
    hours: CallingHours | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenDay:
    """What is open on one local date: none, one, or two where a night lies across midnight."""

    day: date
    stretches: tuple[Opening, ...]

    @property
    def length(self) -> timedelta:
        return sum((s.closes_at - s.opens_at for s in self.stretches), timedelta())

    def after(self, length: timedelta) -> datetime:
        """The moment that has so much of the open time before it."""
        for stretch in self.stretches:
            if length < stretch.closes_at - stretch.opens_at:
                return stretch.opens_at + length
            length -= stretch.closes_at - stretch.opens_at
        return self.stretches[-1].closes_at


def rest_of_day(time: OpenTime, now: datetime) -> OpenDay:
    """What is left of the local date that it is now."""
    day = local_day(time.zone, now)
    return OpenDay(day, _within(_stretches(time.hours, time.zone, day), now, time.end))


def days_from(time: OpenTime, start: datetime) -> Iterator[OpenDay]:
    """Local dates from a moment on, those that are not open included; up to `end`, or without
    one to the end of the calendar."""
    first = local_day(time.zone, start)
    for days in count():
        day = first + timedelta(days=days)
        if day.year >= MAXYEAR - 1:
            return
        if time.end is not None and moment_of(time.zone, day, 0) >= time.end:
            return
        yield OpenDay(day, _within(_stretches(time.hours, time.zone, day), start, time.end))


@lru_cache(maxsize=4096)
def _stretches(hours: CallingHours | None, zone: str, day: date) -> tuple[Opening, ...]:
    midnight, next_midnight = moment_of(zone, day, 0), moment_of(zone, day, _MINUTES_A_DAY)
    if hours is None:
        return _within([Opening(midnight, next_midnight)], midnight, next_midnight)
    found: list[Opening] = []
    since = midnight
    for days in range(-_REACHES_DAYS, 1):
        opening = opening_on(hours, zone, day + timedelta(days=days))
        if opening is not None:
            found += _within([opening], since, next_midnight)
            # A clock change can let one begin before the last has ended.
            since = max(since, opening.closes_at)
    return tuple(found)


def _within(
    stretches: Sequence[Opening], start: datetime, end: datetime | None
) -> tuple[Opening, ...]:
    cut = (
        Opening(max(s.opens_at, start), s.closes_at if end is None else min(s.closes_at, end))
        for s in stretches
    )
    return tuple(s for s in cut if s.opens_at < s.closes_at)
