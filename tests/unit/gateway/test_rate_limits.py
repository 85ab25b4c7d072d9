"""The vendors' rates of requests."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.gateway.rate_limits import ClockMinute, Excess, RateLimit, TokenBucket

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS_MS = st.lists(st.integers(0, 2000), min_size=1, max_size=80)


@given(STEPS_MS, st.integers(1, 20), st.integers(1, 30))
def test_a_bucket_lets_no_more_through_than_its_rate_and_its_burst(
    steps_ms: list[int], rate: int, burst: int
) -> None:
    bucket, now, let_in = TokenBucket(rate, burst), NOON, list[datetime]()
    for step_ms in steps_ms:
        now += timedelta(milliseconds=step_ms)
        excess = bucket.count(now)
        if excess is None:
            let_in.append(now)
        else:
            assert excess.room_at > now
    for index, first in enumerate(let_in):
        for count, last in enumerate(let_in[index:], 1):
            assert count <= burst + rate * (last - first).total_seconds() + 1e-6


def test_a_bucket_has_room_at_the_moment_that_it_names() -> None:
    bucket = TokenBucket(4, 2)
    assert [bucket.count(NOON) for _ in range(2)] == [None, None]
    excess = bucket.count(NOON)
    assert excess == Excess(2, NOON + timedelta(milliseconds=250))
    assert bucket.count(excess.room_at) is None


def test_a_minute_ends_with_the_clock_s() -> None:
    minute, late = ClockMinute(2), NOON + timedelta(seconds=59)
    assert [minute.count(late) for _ in range(2)] == [None, None]
    assert minute.count(late) == Excess(2, NOON + timedelta(minutes=1))
    assert minute.count(NOON + timedelta(minutes=1)) is None


def test_each_caller_has_a_meter_of_its_own() -> None:
    limit = RateLimit(lambda: ClockMinute(1))
    assert limit.count("ada", NOON) is None
    assert limit.count("ada", NOON) is not None
    assert limit.count("bo", NOON) is None


def test_no_more_callers_are_remembered_than_there_is_room_for() -> None:
    limit = RateLimit(lambda: ClockMinute(1))
    for number in range(10_001):
        assert limit.count(str(number), NOON) is None
    assert limit.count("10000", NOON) is not None, "the last one is"
    assert limit.count("0", NOON) is None, "the first one was forgotten"
