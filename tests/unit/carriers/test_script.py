"""What happens to a call is decided by the seed and the call alone."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.carriers.simulated.playwright import Playwright
from outdial_server.carriers.simulated.profile import (
    OUTCOME_NAMES,
    PROFILES,
    SimulationProfile,
    with_settings,
)
from outdial_server.carriers.simulated.script import (
    MAGIC_ENDINGS,
    CallScript,
    Fate,
    Status,
    write_script,
)
from outdial_server.domain.call import Disposition

RING_TIMEOUT = timedelta(seconds=30)
MAX_DURATION = timedelta(minutes=10)
ADDRESS = "+15551230000"

profiles = st.sampled_from([PROFILES["storm"], PROFILES["default"], PROFILES["demo"]])
call_ids = st.text(min_size=1)


def script(
    profile: SimulationProfile,
    call_id: str = "call",
    address: str = ADDRESS,
    ring_timeout: timedelta = RING_TIMEOUT,
    max_duration: timedelta = MAX_DURATION,
) -> CallScript:
    return write_script(profile, call_id, address, ring_timeout, max_duration)


def only(outcome: str, *settings: str) -> SimulationProfile:
    weights = [f"{name}={int(name == outcome)}" for name in OUTCOME_NAMES]
    return with_settings(SimulationProfile(), [*weights, *settings])


@given(profiles, st.lists(call_ids, min_size=1, unique=True), st.randoms(use_true_random=False))
def test_a_script_depends_on_no_order(
    profile: SimulationProfile, ids: list[str], shuffler: Random
) -> None:
    written = {call_id: script(profile, call_id) for call_id in ids}
    shuffler.shuffle(ids)
    assert {call_id: script(profile, call_id) for call_id in ids} == written


@given(profiles, call_ids, st.integers(1, 60), st.integers(1, 600))
def test_a_script_keeps_within_what_the_caller_allows(
    profile: SimulationProfile, call_id: str, ring_seconds: int, talk_seconds: int
) -> None:
    written = script(
        profile,
        call_id,
        ring_timeout=timedelta(seconds=ring_seconds),
        max_duration=timedelta(seconds=talk_seconds),
    )
    assert bool(written.steps) == written.fate.rings
    if not written.steps:
        return
    *before, end = written.steps
    assert end.status is Status.ENDED
    assert end.disposition is not None
    assert [step.status for step in before] in (
        [Status.RINGING],
        [Status.RINGING, Status.ANSWERED],
    )
    rings = written.steps[1].after_seconds
    assert 0 <= rings <= ring_seconds
    if len(before) == 2:
        assert end.after_seconds <= talk_seconds


@given(call_ids)
def test_a_fault_changes_nothing_of_what_follows(call_id: str) -> None:
    """So that a test may add faults and keep the calls it knows."""
    calm = only("busy")
    assert (
        script(with_settings(calm, ["create_error_placed=1"]), call_id).steps
        == script(calm, call_id).steps
    )


def test_another_seed_is_another_story() -> None:
    first, second = (with_settings(PROFILES["default"], [f"seed={n}"]) for n in (1, 2))
    assert script(first) != script(second)


def test_outcomes_come_in_the_proportion_of_their_weights() -> None:
    profile = with_settings(SimulationProfile(), ["answered_human=60", "busy=30"])
    profile = with_settings(
        profile, [f"{name}=0" for name in OUTCOME_NAMES if name not in ("answered_human", "busy")]
    )
    ends = Counter(script(profile, f"call {n}").steps[-1].disposition for n in range(3000))
    assert ends[Disposition.ANSWERED_HUMAN] / 3000 == pytest.approx(2 / 3, abs=0.03)
    assert ends[Disposition.BUSY] / 3000 == pytest.approx(1 / 3, abs=0.03)


def test_faults_come_at_their_rates() -> None:
    profile = with_settings(SimulationProfile(), ["create_throttled=0.2", "create_error=0.1"])
    fates = Counter(script(profile, f"call {n}").fate for n in range(3000))
    assert fates[Fate.THROTTLED] / 3000 == pytest.approx(0.2, abs=0.03)
    assert fates[Fate.ERROR] / 3000 == pytest.approx(0.1, abs=0.03)


def test_a_phone_that_nobody_picks_up_in_time_is_no_answer() -> None:
    profile = only("answered_human", "ring_ms=40000")
    end = script(profile, ring_timeout=timedelta(seconds=5)).steps[-1]
    assert end.disposition is Disposition.NO_ANSWER
    assert end.after_seconds == 5


def test_a_talk_ends_at_the_maximum_duration() -> None:
    profile = only("answered_human", "talk_ms=60000")
    end = script(profile, max_duration=timedelta(seconds=3)).steps[-1]
    assert end.disposition is Disposition.ANSWERED_HUMAN
    assert end.after_seconds == 3


@pytest.mark.parametrize(("digits", "ending"), MAGIC_ENDINGS.items())
def test_a_magic_number_has_an_outcome_of_its_own(digits: str, ending: str) -> None:
    for call in range(20):
        written = script(PROFILES["default"], f"call {call}", f"+1202555{digits}")
        if ending == "invalid_number":
            assert written.fate is Fate.INVALID_NUMBER
        else:
            assert written.steps[-1].disposition is Disposition[ending.upper()]


def test_without_magic_they_are_numbers_like_others() -> None:
    assert script(only("busy"), address="+12025550100").steps[-1].disposition is Disposition.BUSY


def test_a_call_that_was_turned_away_is_taken_in_the_end() -> None:
    playwright = Playwright()
    profile = with_settings(SimulationProfile(), ["create_throttled=0.9"])

    def fate() -> Fate:
        return playwright.write(profile, "call", ADDRESS, RING_TIMEOUT, MAX_DURATION).fate

    assert Fate.TAKEN in [fate() for _ in range(200)]
