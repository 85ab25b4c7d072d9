"""Settings of the simulated carrier: what can be said, and what is told of a mistake."""

from dataclasses import fields

import pytest

from outdial_server.carriers.simulated.profile import (
    FAULT_NAMES,
    OUTCOME_NAMES,
    PROFILES,
    Mode,
    ProfileError,
    SimulationProfile,
    Span,
    named_profile,
    with_json,
    with_settings,
)
from outdial_server.carriers.simulated.script import Fate

DEFAULT = SimulationProfile()


def values(profile: SimulationProfile) -> dict[str, object]:
    return {field.name: getattr(profile, field.name) for field in fields(profile)}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("seed=42", 42),
        ("ring_ms=50-300", Span(50, 300)),
        ("ring_ms=50", Span(50, 50)),
        ("talk_ms=0.5-1.5", Span(0.5, 1.5)),
        ("busy=0.25", 0.25),
        ("create_error=1", 1.0),
        ("mode=queueing", Mode.QUEUEING),
        ("max_concurrent_calls=100", 100),
        ("calls_per_second=0.5", 0.5),
        ("magic_numbers=true", True),
        ("magic_numbers=0", False),
    ],
)
def test_a_setting_changes_one_value(setting: str, value: object) -> None:
    name = setting.partition("=")[0]
    assert values(with_settings(DEFAULT, [setting])) == values(DEFAULT) | {name: value}


@pytest.mark.parametrize(
    "setting",
    [
        "rings_ms=1",
        "ring_ms=",
        "ring_ms=300-50",
        "ring_ms=-5",
        "ring_ms=5-",
        "ring_ms=0-inf",
        "ring_ms=fast",
        "seed=-1",
        "seed=1.5",
        "busy=-1",
        "busy=nan",
        "busy=inf",
        "create_error=1.1",
        "callback_lost=2",
        "mode=polite",
        "max_concurrent_calls=many",
        "magic_numbers=perhaps",
    ],
)
def test_a_mistake_is_told_with_the_setting_s_name(setting: str) -> None:
    with pytest.raises(ProfileError, match=f"^{setting.partition('=')[0]}: "):
        with_settings(DEFAULT, [setting])


def test_a_setting_without_a_value_is_told() -> None:
    with pytest.raises(ProfileError, match="'ring_ms' must be of the form name=value"):
        with_settings(DEFAULT, ["ring_ms"])


def test_some_outcome_must_be_possible() -> None:
    with pytest.raises(ProfileError, match="at least one of answered_human, "):
        with_settings(DEFAULT, [f"{name}=0" for name in OUTCOME_NAMES])


def test_faults_must_not_be_more_than_all_calls() -> None:
    with pytest.raises(ProfileError, match=r"create_error.* must not be above 1 together"):
        with_settings(DEFAULT, ["create_error=0.6", "create_reset=0.6"])
    with_settings(DEFAULT, ["create_error=0.1", "create_reset=0.2", "create_timeout=0.7"])


def test_json_says_the_same() -> None:
    body = b'{"ring_ms": "50-300", "busy": 0.5, "magic_numbers": true, "mode": "queueing"}'
    assert with_json(DEFAULT, body) == with_settings(
        DEFAULT, ["ring_ms=50-300", "busy=0.5", "magic_numbers=true", "mode=queueing"]
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is no JSON"),
        (b"[]", "the body must be an object"),
        (b'{"seed": null}', "^seed: "),
        (b'{"ring_ms": [1, 2]}', "^ring_ms: "),
        (b'{"nothing": 1}', "^nothing: there is no such setting; there are seed, "),
    ],
)
def test_mistakes_in_json_are_told(body: bytes, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        with_json(DEFAULT, body)


def test_an_unknown_profile_is_told_with_those_there_are() -> None:
    with pytest.raises(ProfileError, match=r"'wild'; there are default, demo, fast, storm"):
        named_profile("wild")


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_passes_its_own_checks(name: str) -> None:
    assert with_settings(named_profile(name), []) == PROFILES[name]


def test_every_fault_of_the_profile_is_a_fate() -> None:
    assert {fate.value for fate in Fate} == {"taken", "invalid_number", *FAULT_NAMES}
