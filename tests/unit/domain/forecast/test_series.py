"""What happens when, in buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.forecast.series import BUCKETS_MOST, Series, Standing

DAY_US = 86_400_000_000
STRETCHES = st.lists(st.tuples(st.integers(1, DAY_US), st.integers(0, 50)), min_size=1, max_size=20)


@given(STRETCHES)
def test_buckets_are_few_and_lose_nothing(stretches: list[tuple[int, int]]) -> None:
    series, now_us, calls, live_us = Series(), 0, 0, 0
    for lasts_us, live in stretches:
        series.count(now_us, live)
        series.stand(now_us, now_us + lasts_us, Standing(live, (("throttle", live, 100),)))
        now_us, calls, live_us = now_us + lasts_us, calls + live, live_us + live * lasts_us
    assert len(series.buckets) <= BUCKETS_MOST
    assert len(series.buckets) * series.width_us >= now_us
    assert sum(bucket.calls for bucket in series.buckets) == calls
    assert sum(bucket.live_us for bucket in series.buckets) == live_us
    uses = [bucket.limits["throttle"] for bucket in series.buckets if bucket.limits]
    assert sum(use.used_us for use in uses) == live_us
    assert sum(use.seen_us for use in uses) == now_us


@pytest.mark.parametrize("longer", [3_000_000, DAY_US])
def test_series_of_different_length_are_added_up(longer: int) -> None:
    short, long = Series(), Series()
    short.stand(0, 1_000_000, Standing(2))
    long.stand(0, longer, Standing(3))
    whole = Series()
    whole.take_in(short)
    whole.take_in(long)
    assert sum(bucket.live_us for bucket in whole.buckets) == 2_000_000 + 3 * longer
