"""How the simulated carrier behaves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from math import isfinite
from typing import Final

import orjson


class ProfileError(ValueError):
    """A setting that is not one; the message names it."""


class Mode(Enum):
    """What happens above the limits: like Twilio, queue; like Telnyx, refuse."""

    QUEUEING = "queueing"
    REFUSING = "refusing"


@dataclass(frozen=True, slots=True)
class Span:
    """A range in milliseconds, both ends included."""

    least_ms: float
    most_ms: float

    @classmethod
    def parse(cls, text: str) -> "Span":
        least, dash, most = text.partition("-")
        try:
            span = cls(float(least), float(most if dash else least))
        except ValueError:
            raise ValueError(_NO_SPAN) from None
        if not 0 <= span.least_ms <= span.most_ms < float("inf"):
            raise ValueError(_NO_SPAN)
        return span


_NO_SPAN: Final = "must be a range of milliseconds like 50-300"


@dataclass(frozen=True, slots=True)
class SimulationProfile:
    """Rates are shares of calls, from 0 to 1. Outcomes are weights: what matters is their
    proportion."""

    seed: int = 1

    # Off: requests are read and wait for it to be on again; then they are placed.
    answering: bool = True
    # From the request to its answer, and from there to the first ring.
    request_latency_ms: Span = Span(20, 80)
    setup_ms: Span = Span(0, 0)
    ring_ms: Span = Span(1000, 4000)
    talk_ms: Span = Span(2000, 8000)

    answered_human: float = 70.0
    answered_machine: float = 10.0
    busy: float = 6.0
    no_answer: float = 8.0
    rejected: float = 3.0
    failed: float = 1.0
    # Refused when the call is created.
    invalid_number: float = 2.0

    # The request is answered 429, 401, or 500; with "placed" the phone rings all the same.
    create_throttled: float = 0.0
    create_unauthorized: float = 0.0
    create_error: float = 0.0
    create_error_placed: float = 0.0
    # The request gets no answer at all, or its connection is reset.
    create_timeout: float = 0.0
    create_timeout_placed: float = 0.0
    create_reset: float = 0.0
    create_reset_placed: float = 0.0

    # News of a call comes twice, up to 2 s late, behind the news after it, or never (but
    # for that of its end, which carriers repeat for hours).
    callback_duplicated: float = 0.0
    callback_late: float = 0.0
    callback_disordered: float = 0.0
    callback_lost: float = 0.0

    # Above 1, news that waits to be told goes together in one callback: a carrier that is
    # cheap to listen to, for measuring all the rest.
    news_per_callback: int = 1

    mode: Mode = Mode.REFUSING
    # 0 means no limit.
    max_concurrent_calls: int = 0
    calls_per_second: float = 0.0

    # Numbers that end in 0100 to 0106 have an outcome of their own; see the docs.
    magic_numbers: bool = False

    @property
    def outcomes(self) -> Mapping[str, float]:
        return {name: getattr(self, name) for name in OUTCOME_NAMES}

    @property
    def faults(self) -> Mapping[str, float]:
        return {name: getattr(self, name) for name in FAULT_NAMES}


OUTCOME_NAMES: Final = (
    "answered_human",
    "answered_machine",
    "busy",
    "no_answer",
    "rejected",
    "failed",
    "invalid_number",
)

FAULT_NAMES: Final = tuple(
    field.name for field in fields(SimulationProfile) if field.name.startswith("create_")
)

PROFILES: Final[Mapping[str, SimulationProfile]] = {
    "default": SimulationProfile(setup_ms=Span(200, 800), magic_numbers=True),
    "demo": SimulationProfile(
        request_latency_ms=Span(5, 25),
        setup_ms=Span(5, 25),
        ring_ms=Span(50, 300),
        talk_ms=Span(100, 600),
    ),
    "fast": SimulationProfile(
        request_latency_ms=Span(0, 2),
        setup_ms=Span(0, 2),
        ring_ms=Span(0, 2),
        talk_ms=Span(0, 2),
        answered_human=1,
        answered_machine=0,
        busy=0,
        no_answer=0,
        rejected=0,
        failed=0,
        invalid_number=0,
    ),
    "storm": SimulationProfile(
        request_latency_ms=Span(0, 200),
        setup_ms=Span(0, 50),
        ring_ms=Span(5, 100),
        talk_ms=Span(10, 300),
        create_throttled=0.1,
        create_error=0.02,
        create_error_placed=0.02,
        create_timeout=0.01,
        create_timeout_placed=0.01,
        create_reset=0.02,
        create_reset_placed=0.02,
        callback_duplicated=0.2,
        callback_late=0.1,
        callback_disordered=0.1,
        callback_lost=0.05,
    ),
}


def named_profile(name: str) -> SimulationProfile:
    try:
        return PROFILES[name]
    except KeyError:
        names = ", ".join(PROFILES)
        raise ProfileError(f"there is no profile {name!r}; there are {names}") from None


def with_settings(profile: SimulationProfile, settings: Iterable[str]) -> SimulationProfile:
    """Applies settings of the form `ring_ms=50-300`. Raises ProfileError naming the
    setting."""
    changes: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ProfileError(f"{setting!r} must be of the form name=value")
        changes[name] = _value(profile, name, text)
    return _checked(replace(profile, **changes))  # type: ignore[arg-type]


def _checked(profile: SimulationProfile) -> SimulationProfile:
    if sum(profile.outcomes.values()) <= 0:
        raise ProfileError(f"at least one of {', '.join(OUTCOME_NAMES)} must be above 0")
    if sum(profile.faults.values()) > 1 + 1e-9:
        raise ProfileError(f"{', '.join(FAULT_NAMES)} must not be above 1 together")
    return profile


def with_json(profile: SimulationProfile, body: bytes) -> SimulationProfile:
    """The same from a JSON object of names and values."""
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProfileError(f"the body is no JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise ProfileError("the body must be an object of names and values")
    return with_settings(profile, [f"{name}={value}" for name, value in loaded.items()])


_NAMES: Final = tuple(field.name for field in fields(SimulationProfile))


def _value(profile: SimulationProfile, name: str, text: str) -> object:
    if name not in _NAMES:
        raise ProfileError(f"{name}: there is no such setting; there are {', '.join(_NAMES)}")
    try:
        return _parse(getattr(profile, name), name, text)
    except ValueError as error:
        raise ProfileError(f"{name}: {error}") from error


def _parse(present: object, name: str, text: str) -> object:
    match present:
        case bool():
            if text.lower() not in ("true", "false", "1", "0"):
                raise ValueError("must be true or false")
            return text.lower() in ("true", "1")
        case Span():
            return Span.parse(text)
        case Mode():
            return _mode(text)
        case int():
            return _whole_number(text)
        case _ if name.startswith(("create_", "callback_")):
            return _rate(text)
        case _:
            return _number(text)


def _mode(text: str) -> Mode:
    if text not in (names := [mode.value for mode in Mode]):
        raise ValueError(f"must be one of {', '.join(names)}")
    return Mode(text)


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number, and not negative")
    return int(text)


def _rate(text: str) -> float:
    value = _number(text)
    if value > 1:
        raise ValueError("must be from 0 to 1")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not isfinite(value) or value < 0:
        raise ValueError("must be a number, and not negative")
    return value
