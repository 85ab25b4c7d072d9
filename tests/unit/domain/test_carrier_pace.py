"""The pace of an account: falls by a factor, rises by so much a second, and keeps its bounds."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.carrier_pace import (
    FALL,
    LEAST,
    RISE,
    UNRATED,
    Pace,
    effective_rate,
    fallen,
)
from support.domain import START

SECOND = timedelta(seconds=1)
RATES = st.floats(0.01, UNRATED)
LENGTHS = st.floats(0, 3_600).map(lambda seconds: timedelta(seconds=seconds))


@given(RATES, st.lists(LENGTHS, max_size=30), LENGTHS)
def test_it_never_leaves_its_bounds_whatever_happens(
    ceiling: float, gaps: list[timedelta], after: timedelta
) -> None:
    pace, now = None, START
    for gap in gaps:
        now += gap
        pace = fallen(pace, ceiling, ceiling, now, now, FALL)
        assert min(ceiling, LEAST) <= effective_rate(ceiling, pace, now) <= ceiling
    assert min(ceiling, LEAST) <= effective_rate(ceiling, pace, now + after) <= ceiling


@given(RATES, RATES, LENGTHS)
def test_a_fall_leaves_half_of_what_there_was(ceiling: float, full: float, gap: timedelta) -> None:
    first = fallen(None, ceiling, min(full, ceiling), START, START, FALL)
    before = effective_rate(ceiling, first, START + gap)
    again = fallen(first, ceiling, ceiling, START + gap, START + gap, FALL)
    expected = max(before / 2, min(ceiling, LEAST))
    assert effective_rate(ceiling, again, START + gap) == pytest.approx(expected)


@given(RATES, LENGTHS, LENGTHS)
def test_it_rises_evenly_from_when_the_wait_is_over(
    ceiling: float, wait: timedelta, gap: timedelta
) -> None:
    pace = fallen(None, ceiling, ceiling, START, START + wait, FALL)
    assert pace.at(START) == pace.at(START + wait) == pace.rate
    risen = pace.at(START + wait + gap) - pace.rate
    assert risen == pytest.approx(ceiling * (gap / RISE))


def test_a_rate_that_has_fallen_once_is_whole_again_after_half_a_minute() -> None:
    pace = fallen(None, 10, 10, START, START, FALL)
    assert effective_rate(10, pace, START) == 5
    assert effective_rate(10, pace, START + 30 * SECOND) == 10
    assert effective_rate(10, pace, START + 31 * SECOND) == 10


def test_an_account_without_a_rate_rises_from_what_it_was_asked_for() -> None:
    pace = fallen(None, UNRATED, 40, START, START, FALL)
    assert pace == Pace(20, 40, START, START)
    assert effective_rate(UNRATED, pace, START + RISE) == 60
