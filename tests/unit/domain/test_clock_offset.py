"""Two clocks, one of which is asked from afar."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.clock_offset import least_offset
from support.clock import START

SECOND = timedelta(seconds=1)
LENGTHS = st.timedeltas(timedelta(0), timedelta(hours=1))
OFFSETS = st.timedeltas(timedelta(days=-400), timedelta(days=400))


@given(offset=OFFSETS, there=LENGTHS, back=LENGTHS)
def test_it_is_never_more_than_the_true_one_and_short_of_it_by_the_way_at_most(
    offset: timedelta, there: timedelta, back: timedelta
) -> None:
    found = least_offset(START, START + there + offset, START + there + back)
    assert found == timedelta(0) or (found > timedelta(0)) == (offset > timedelta(0))
    assert abs(offset) - (there + back) <= abs(found) <= abs(offset)


@given(there=LENGTHS, back=LENGTHS)
def test_a_slow_answer_is_no_offset(there: timedelta, back: timedelta) -> None:
    assert least_offset(START, START + there, START + there + back) == timedelta(0)


def test_a_clock_that_is_set_back_in_between_is_not_taken_for_the_other_one_s() -> None:
    assert least_offset(START, START - 5 * SECOND, START - 10 * SECOND) == timedelta(0)
    assert least_offset(START, START + SECOND, START - 10 * SECOND) == SECOND
