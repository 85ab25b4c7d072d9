"""How news reaches the server: by the profile, and the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.carriers.simulated.deliveries import (
    DISORDER_SECONDS,
    LATE_SECONDS,
    deliveries,
)
from outdial_server.carriers.simulated.profile import (
    PROFILES,
    SimulationProfile,
    with_settings,
)
from outdial_server.carriers.simulated.script import Status

statuses = st.sampled_from(Status)
call_ids = st.text(min_size=1)


def profile(*settings: str) -> SimulationProfile:
    return with_settings(SimulationProfile(), settings)


@given(call_ids, statuses)
def test_news_is_told_once_and_at_once_unless_the_profile_says_otherwise(
    call_id: str, status: Status
) -> None:
    assert deliveries(profile(), call_id, status) == (0,)


@given(call_ids, statuses)
def test_it_is_the_same_each_time(call_id: str, status: Status) -> None:
    storm = PROFILES["storm"]
    assert deliveries(storm, call_id, status) == deliveries(storm, call_id, status)


@given(call_ids)
def test_an_ending_is_never_lost(call_id: str) -> None:
    lossy = profile("callback_lost=1")
    assert deliveries(lossy, call_id, Status.RINGING) == ()
    assert deliveries(lossy, call_id, Status.ANSWERED) == ()
    assert len(deliveries(lossy, call_id, Status.ENDED)) == 1


@pytest.mark.parametrize(
    ("setting", "most"),
    [("callback_late=1", LATE_SECONDS), ("callback_disordered=1", DISORDER_SECONDS)],
)
def test_late_news_has_a_limit(setting: str, most: float) -> None:
    delays = [deliveries(profile(setting), f"call {n}", Status.RINGING)[0] for n in range(300)]
    assert 0 < min(delays) < max(delays) <= most


def test_each_copy_of_doubled_news_takes_its_own_time() -> None:
    first, second = deliveries(
        profile("callback_duplicated=1", "callback_late=1"), "call", Status.ENDED
    )
    assert first != second
