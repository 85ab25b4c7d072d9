"""Calling hours: on which days, and between which times of a clock on the wall, people may
be called. Pure; docs/time.md has the rules as a table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from outdial_server.domain.time_zones import local_day, moment_of

_HOUR_MINUTE: Final = re.compile(r"(?:([01][0-9]|2[0-3]):([0-5][0-9]))|(24:00)")
_MINUTES_A_DAY: Final = 24 * 60

EVERY_DAY: Final = frozenset(range(1, 8))

_SEARCH_DAYS: Final = 22
"""One day a week is three times in it: a clock change can take one of them away."""


@dataclass(frozen=True, slots=True)
class CallingHours:
    """From `start_minute` on, and before `end_minute`, counted from midnight. An end that is
    not behind the start is on the next day, and the day is that of the start."""

    # 1 Monday to 7 Sunday.
    days: frozenset[int]
    start_minute: int
    end_minute: int

    @property
    def length_minutes(self) -> int:
        """From the start's midnight to the end."""
        night = self.end_minute <= self.start_minute
        return self.end_minute + (_MINUTES_A_DAY if night else 0)


@dataclass(frozen=True, slots=True)
class Opening:
    """Calls may be started from `opens_at` on and before `closes_at`."""

    opens_at: datetime
    closes_at: datetime


def minute_of(text: str, *, is_end: bool = False) -> int | None:
    """Minutes from midnight of `HH:MM`; 24:00 is an end only. None for any other text."""
    match = _HOUR_MINUTE.fullmatch(text)
    if match is None or (match[3] and not is_end):
        return None
    return _MINUTES_A_DAY if match[3] else int(match[1]) * 60 + int(match[2])


def text_of(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


@lru_cache(maxsize=4096)
def opening_on(hours: CallingHours, zone: str, day: date) -> Opening | None:
    """The opening that begins on a local day. None where the day is not called on, or a clock
    change leaves nothing of it."""
    if day.isoweekday() not in hours.days or _is_skipped(zone, day):
        return None
    opens_at = moment_of(zone, day, hours.start_minute)
    closes_at = moment_of(zone, day, hours.length_minutes)
    return Opening(opens_at, closes_at) if opens_at < closes_at else None


def _is_skipped(zone: str, day: date) -> bool:
    """A whole day can be skipped, where a country moves over the date line."""
    return moment_of(zone, day, 0) >= moment_of(zone, day, _MINUTES_A_DAY)


def openings(hours: CallingHours, zone: str, now: datetime) -> Iterator[Opening]:
    """Those not over by now, in the order of their days."""
    first = local_day(zone, now) - timedelta(days=2)
    for days in range(_SEARCH_DAYS):
        opening = opening_on(hours, zone, first + timedelta(days=days))
        if opening is not None and now < opening.closes_at:
            yield opening


@lru_cache(maxsize=256)
def next_opening(hours: CallingHours, zone: str, now: datetime) -> Opening:
    """The one that is open now, else the next. Batches of one account mostly have the same
    hours, and are asked at the same moment."""
    return next(openings(hours, zone, now))


def opens_before(hours: CallingHours, zone: str, start: datetime, end: datetime) -> bool:
    """Whether the hours are open at any moment of a window."""
    return next_opening(hours, zone, start).opens_at < end


class HoursByZone:
    """The opening of each zone at one moment: worked out once, however many people ask."""

    def __init__(self, hours: CallingHours) -> None:
        self._hours = hours
        self._found: dict[str, Opening] = {}

    def __call__(self, zone: str, now: datetime) -> Opening:
        found = self._found.get(zone)
        if found is None or now >= found.closes_at:
            found = self._found[zone] = next_opening(self._hours, zone, now)
        return found
