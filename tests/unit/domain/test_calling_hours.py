"""Calling hours, against an oracle that walks a clock on the wall minute by minute."""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outdial_server.domain.calling_hours import (
    EVERY_DAY,
    CallingHours,
    HoursByZone,
    minute_of,
    next_opening,
    opens_before,
    text_of,
)
from support.wall import CHANGE_DAYS, DAY_MINUTES, HOURS, MINUTE, open_minutes, wall


@given(HOURS, CHANGE_DAYS, st.lists(st.integers(0, 4 * DAY_MINUTES), min_size=20, max_size=60))
@example(CallingHours(frozenset({5}), 540, 1020), ("Pacific/Apia", date(2011, 12, 30)), [60, 1500])
def test_open_and_next_are_what_the_clock_on_the_wall_says(
    hours: CallingHours, change: tuple[str, date], offsets: list[int]
) -> None:
    zone, day = change
    clock = wall(zone, day)
    minutes = open_minutes(hours, zone, day)
    ordered = sorted(minutes)
    for offset in offsets:
        # From two days before the change on.
        n = 9 * DAY_MINUTES + offset
        now = clock.start + n * MINUTE + timedelta(seconds=offset % 60)
        opening = next_opening(hours, zone, now)
        assert (opening.opens_at <= now) == (n in minutes), f"{zone} at {now}"
        assert now < opening.closes_at
        if n not in minutes and bisect_left(ordered, n) < len(ordered):
            following = clock.start + ordered[bisect_left(ordered, n)] * MINUTE
            assert opening.opens_at == following, f"{zone} behind {now}"


@given(HOURS, CHANGE_DAYS, st.integers(0, 4 * DAY_MINUTES))
def test_at_the_moment_that_is_named_it_is_open_and_not_before(
    hours: CallingHours, change: tuple[str, date], offset: int
) -> None:
    zone, day = change
    now = wall(zone, day).start + (9 * DAY_MINUTES + offset) * MINUTE
    opening = next_opening(hours, zone, now)
    assert next_opening(hours, zone, opening.opens_at).opens_at <= opening.opens_at
    just_before = opening.opens_at - timedelta(microseconds=1)
    if just_before >= now:
        assert next_opening(hours, zone, just_before) == opening


VIENNA = "Europe/Vienna"


def hours(start: str, end: str, days: frozenset[int] = EVERY_DAY) -> CallingHours:
    first, last = minute_of(start), minute_of(end, is_end=True)
    assert first is not None
    assert last is not None
    return CallingHours(days, first, last)


def opening(of: CallingHours, zone: str, now: str) -> tuple[str, str]:
    found = next_opening(of, zone, datetime.fromisoformat(now).replace(tzinfo=UTC))
    return f"{found.opens_at:%Y-%m-%d %H:%M}", f"{found.closes_at:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # 02:00 to 03:00 is skipped on 29 March; 01:00 UTC is the change.
        ("02:30", "04:00", ("2026-03-29 01:30", "2026-03-29 02:00")),
        ("02:15", "02:45", ("2026-03-29 01:15", "2026-03-29 01:45")),
        # Nothing is left between 03:30, which 02:30 moves to, and 03:15.
        ("02:30", "03:15", ("2026-03-30 00:30", "2026-03-30 01:15")),
        ("22:00", "06:00", ("2026-03-28 21:00", "2026-03-29 04:00")),
        ("00:00", "24:00", ("2026-03-28 23:00", "2026-03-29 22:00")),
    ],
)
def test_when_clocks_go_forward(start: str, end: str, expected: tuple[str, str]) -> None:
    now = "2026-03-28 23:30" if start > end else "2026-03-29 00:30"
    assert opening(hours(start, end), VIENNA, now) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # 02:00 to 03:00 comes twice on 25 October; 01:00 UTC is the change.
        ("02:30", "04:00", ("2026-10-25 00:30", "2026-10-25 03:00")),
        ("02:15", "02:45", ("2026-10-25 00:15", "2026-10-25 00:45")),
        ("01:00", "02:30", ("2026-10-24 23:00", "2026-10-25 00:30")),
        ("22:00", "06:00", ("2026-10-24 20:00", "2026-10-25 05:00")),
    ],
)
def test_when_clocks_go_back(start: str, end: str, expected: tuple[str, str]) -> None:
    now = "2026-10-24 23:30" if start > end else "2026-10-24 23:10"
    assert opening(hours(start, end), VIENNA, now) == expected


def test_the_day_of_a_night_is_that_of_its_start() -> None:
    # Friday only: 22:00 on 6 March to 06:00 on Saturday.
    friday_night = hours("22:00", "06:00", frozenset({5}))
    assert opening(friday_night, "UTC", "2026-03-07 05:59") == (
        "2026-03-06 22:00",
        "2026-03-07 06:00",
    )
    assert opening(friday_night, "UTC", "2026-03-07 06:00")[0] == "2026-03-13 22:00"


def test_a_day_that_a_country_skipped_is_called_on_by_nobody() -> None:
    friday = hours("09:00", "17:00", frozenset({5}))
    found, _ = opening(friday, "Pacific/Apia", "2011-12-30 08:00")
    # Friday 30 December 2011 never was in Samoa; 09:00 on 6 January 2012 is 19:00 UTC before.
    assert found == "2012-01-05 19:00"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("09:00", 540, 540),
        ("00:00", 0, 0),
        ("23:59", 1439, 1439),
        ("24:00", None, 1440),
        ("24:01", None, None),
        ("9:00", None, None),
        ("09:60", None, None),
        ("09:00:00", None, None),
        ("", None, None),
        ("\u0660\u0669:\u0660\u0660", None, None),
    ],
)
def test_times_are_written_as_hh_mm(text: str, start: int | None, end: int | None) -> None:
    assert (minute_of(text), minute_of(text, is_end=True)) == (start, end)


@given(st.integers(0, DAY_MINUTES))
def test_times_are_shown_as_they_are_written(minute: int) -> None:
    assert minute_of(text_of(minute), is_end=True) == minute


def test_hours_that_open_before_a_window_ends() -> None:
    monday = hours("09:00", "10:00", frozenset({1}))
    start = datetime(2026, 3, 3, tzinfo=UTC)
    assert opens_before(monday, "UTC", start, datetime(2026, 3, 9, 9, 1, tzinfo=UTC))
    assert not opens_before(monday, "UTC", start, datetime(2026, 3, 9, 9, tzinfo=UTC))


@given(HOURS, CHANGE_DAYS, st.lists(st.integers(0, 4 * DAY_MINUTES), min_size=1, max_size=10))
def test_what_is_kept_for_a_zone_is_what_would_be_worked_out_anew(
    of: CallingHours, change: tuple[str, date], offsets: list[int]
) -> None:
    zone, day = change
    kept = HoursByZone(of)
    for offset in sorted(offsets):
        now = wall(zone, day).start + (9 * DAY_MINUTES + offset) * MINUTE
        assert kept(zone, now) == next_opening(of, zone, now)
