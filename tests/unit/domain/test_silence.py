"""How long silence is trusted."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.call import CallState, CallTimes
from outdial_server.domain.silence import (
    CARRIER_DEADLINE,
    LEASE,
    NOT_FOUND_FINAL_AFTER,
    SILENCE_MARGIN,
    next_lookup_at,
    presumed_over,
    trusted_until,
)
from support.clock import START

SECOND = timedelta(seconds=1)
TIMES = st.builds(
    CallTimes,
    st.timedeltas(5 * SECOND, 600 * SECOND),
    st.timedeltas(SECOND, timedelta(hours=24)),
)
AWAITED = (CallState.ACCEPTED, CallState.RINGING, CallState.IN_PROGRESS, CallState.UNKNOWN)


def test_look_ups_come_ever_more_seldom_up_to_a_bound() -> None:
    waits = [next_lookup_at(lookups, START) - START for lookups in range(40)]
    assert waits[:5] == [1 * SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND]
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert waits[-1] == timedelta(minutes=5)


@given(st.integers(0, 2**31))
def test_the_next_look_up_is_always_to_come_and_never_far(lookups: int) -> None:
    assert START < next_lookup_at(lookups, START) <= START + timedelta(minutes=5)


@given(TIMES, st.sampled_from(AWAITED))
def test_trust_lies_ahead_and_ends_before_the_call_is_given_up(
    times: CallTimes, state: CallState
) -> None:
    until = trusted_until(state, times, START)
    assert until > START
    if state is not CallState.IN_PROGRESS:
        assert not presumed_over(START, times, until - timedelta(microseconds=1))


@given(TIMES)
def test_a_call_that_rang_and_lasted_its_longest_is_not_yet_presumed_over(
    times: CallTimes,
) -> None:
    answered_at = START + times.ring_timeout
    assert not presumed_over(START, times, answered_at + times.max_duration)
    asked_at = trusted_until(CallState.IN_PROGRESS, times, answered_at)
    assert not presumed_over(START, times, asked_at)
    over_at = START + times.ring_timeout + times.max_duration + 2 * SILENCE_MARGIN
    assert presumed_over(START, times, over_at)
    assert not presumed_over(START, times, over_at - timedelta(microseconds=1))


def test_leases_leave_room_to_record_how_a_request_ended() -> None:
    assert CARRIER_DEADLINE < LEASE
    assert LEASE < NOT_FOUND_FINAL_AFTER
