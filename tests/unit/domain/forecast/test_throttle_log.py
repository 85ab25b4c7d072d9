"""Sliding windows under the clock of a forecast."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.forecast.throttle_log import ThrottleLog, ThrottlePast
from outdial_server.domain.forecast.virtual_clock import VirtualClock
from outdial_server.domain.throttle import ThrottleRule
from support.clock import START

SECOND = 1_000_000
CLOCK = VirtualClock(START)
STEPS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 4)), max_size=30)


def after(us: int) -> datetime:
    return START + timedelta(microseconds=us)


@given(STEPS, st.integers(1, 10), st.integers(1, 5))
def test_a_window_counts_what_began_inside_it(
    steps: list[tuple[int, int]], most: int, seconds: int
) -> None:
    log = ThrottleLog(ThrottlePast((ThrottleRule(most, timedelta(seconds=seconds)),)), CLOCK.moment)
    now_us, hits = 0, []
    for wait_us, calls in steps:
        now_us += wait_us
        use = log.use(now_us)
        used = sum(n for at_us, n in hits if at_us > now_us - seconds * SECOND)
        assert use.rules[0].used == used
        opens_at = use.rules[0].opens_at
        assert (opens_at is None) == (used < most)
        if opens_at is not None:
            opens_us = CLOCK.micros(opens_at)
            assert sum(n for at_us, n in hits if at_us > opens_us - seconds * SECOND) < most
        allowed = min(calls, use.left)
        if allowed:
            log.count(now_us, allowed)
            hits.append((now_us, allowed))


def test_what_was_counted_before_counts() -> None:
    past = ThrottlePast((ThrottleRule(3, timedelta(seconds=10)),), [(-4 * SECOND, 2), (0, 1)])
    use = ThrottleLog(past, CLOCK.moment).use(0)
    assert use.left == 0
    assert use.rules[0].opens_at == after(6 * SECOND)
