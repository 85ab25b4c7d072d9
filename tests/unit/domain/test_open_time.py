"""Open time of a day, against the clock on the wall."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.calling_hours import CallingHours
from outdial_server.domain.open_time import OpenDay, OpenTime, days_from, rest_of_day
from support.clock import START
from support.wall import CHANGE_DAYS, DAY_MINUTES, HOURS, MINUTE, Wall, open_minutes, wall

OFFSETS = st.integers(9 * DAY_MINUTES, 12 * DAY_MINUTES)


def minutes_of(day: OpenDay, clock: Wall) -> list[int]:
    return [
        n
        for s in day.stretches
        for n in range((s.opens_at - clock.start) // MINUTE, (s.closes_at - clock.start) // MINUTE)
    ]


def date_of(clock: Wall, n: int) -> date:
    return clock.first_day + timedelta(days=clock.local[n] // DAY_MINUTES)


@given(st.none() | HOURS, CHANGE_DAYS, OFFSETS)
def test_the_rest_of_a_day_is_what_the_clock_on_the_wall_says(
    hours: CallingHours | None, change: tuple[str, date], offset: int
) -> None:
    zone, day = change
    clock = wall(zone, day)
    now = clock.start + offset * MINUTE
    found = rest_of_day(OpenTime(zone, hours), now)
    is_open = open_minutes(hours, zone, day) if hours else set(range(len(clock.local)))
    expected = [
        n
        for n in range(offset, offset + 2 * DAY_MINUTES)
        if n in is_open and date_of(clock, n) == date_of(clock, offset)
    ]
    assert found.day == date_of(clock, offset)
    assert minutes_of(found, clock) == expected
    assert found.length == len(expected) * MINUTE
    for place, n in enumerate(expected):
        assert found.after(place * MINUTE) == clock.start + n * MINUTE


@given(HOURS, CHANGE_DAYS, OFFSETS, st.integers(1, 3 * DAY_MINUTES))
def test_the_days_from_a_moment_on_have_every_open_minute_once(
    hours: CallingHours, change: tuple[str, date], offset: int, length: int
) -> None:
    zone, day = change
    clock = wall(zone, day)
    start = clock.start + offset * MINUTE
    found = list(days_from(OpenTime(zone, hours, start + length * MINUTE), start))
    is_open = open_minutes(hours, zone, day)
    assert [n for of_day in found for n in minutes_of(of_day, clock)] == [
        n for n in range(offset, offset + length) if n in is_open
    ]
    assert all(a.day < b.day for a, b in pairwise(found))
    assert all(date_of(clock, n) == d.day for d in found for n in minutes_of(d, clock))


def test_without_an_end_days_go_on_to_the_end_of_the_calendar() -> None:
    days = days_from(OpenTime("UTC"), START)
    assert len(list(takewhile(lambda d: d.day < date(2027, 3, 2), days))) == 365
    assert not list(days_from(OpenTime("UTC"), datetime(9999, 1, 1, tzinfo=UTC)))
