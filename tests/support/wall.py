"""A clock on the wall, walked minute by minute: the oracle of all that goes by local time."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours

# Zones and the days of a change in each: hours and half hours, north and south, at midnight
# and in the night, and a day that was skipped as a whole.
CHANGES = {
    "Europe/Vienna": (date(2026, 3, 29), date(2026, 10, 25)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Sao_Paulo": (date(2018, 11, 4), date(2018, 2, 18)),
    "America/St_Johns": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Sydney": (date(2026, 4, 5), date(2026, 10, 4)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Pacific/Apia": (date(2011, 12, 30), date(2011, 12, 31)),
    "Africa/Casablanca": (date(2026, 2, 15), date(2026, 3, 22)),
    "Asia/Kolkata": (date(2026, 3, 29),),
    "UTC": (date(2026, 3, 29),),
}
MINUTE = timedelta(minutes=1)
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Wall:
    """What a clock on the wall shows, minute by minute for three weeks around a day: for each
    local minute, counted from the first day's midnight, the minutes in which it is shown."""

    first_day: date
    start: datetime
    shown: dict[int, int]
    local: list[int]

    def minute_that_shows(self, local: int) -> int:
        """The first minute that shows a time; one that is never shown is moved forward by
        the length of the gap that it lies in."""
        if local in self.shown:
            return self.shown[local]
        times = sorted(self.shown)
        before, behind = times[bisect_left(times, local) - 1], times[bisect_right(times, local)]
        return self.shown[local + (behind - before - 1)]


@lru_cache
def wall(zone: str, day: date) -> Wall:
    first_day = day - timedelta(days=10)
    midnight = datetime.combine(first_day, datetime.min.time())
    start = midnight.replace(tzinfo=UTC) - timedelta(days=1)
    shown: dict[int, int] = {}
    local = []
    for n in range(22 * DAY_MINUTES):
        naive = (start + n * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        minute = (naive - midnight) // MINUTE
        local.append(minute)
        shown.setdefault(minute, n)
    return Wall(first_day, start, shown, local)


def open_minutes(hours: CallingHours, zone: str, day: date) -> set[int]:
    """By the oracle: every minute in which people may be called, around a day."""
    clock = wall(zone, day)
    days_shown = {minute // DAY_MINUTES for minute in clock.shown}
    length = hours.end_minute
    if hours.end_minute < hours.start_minute:
        length += DAY_MINUTES
    found: set[int] = set()
    for number in range(18):
        weekday = (clock.first_day + timedelta(days=number)).isoweekday()
        if weekday not in hours.days or number not in days_shown:
            continue
        opens = clock.minute_that_shows(number * DAY_MINUTES + hours.start_minute)
        closes = clock.minute_that_shows(number * DAY_MINUTES + length)
        found.update(range(opens, closes))
    return found


HOURS = st.builds(
    CallingHours,
    st.sets(st.integers(1, 7), min_size=1).map(frozenset) | st.just(EVERY_DAY),
    st.integers(0, 6 * 60) | st.integers(0, DAY_MINUTES - 1),
    st.integers(0, 6 * 60) | st.integers(0, DAY_MINUTES),
).filter(lambda hours: hours.start_minute != hours.end_minute)

CHANGE_DAYS = st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days])
