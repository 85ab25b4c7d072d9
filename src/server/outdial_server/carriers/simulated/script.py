"""What happens to a call, decided before it is placed: a pure function of the profile's
seed and the call, so that it depends on no order and can be played again."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from random import Random  # noqa: TID251 seeded by the call: no randomness of its own
from typing import Final

from outdial_server.carriers.simulated.profile import OUTCOME_NAMES, SimulationProfile, Span
from outdial_server.domain.call import Disposition


class Fate(Enum):
    """What becomes of the request. Its value is the rate's name in the profile."""

    TAKEN = "taken"
    THROTTLED = "create_throttled"
    UNAUTHORIZED = "create_unauthorized"
    ERROR = "create_error"
    ERROR_PLACED = "create_error_placed"
    TIMEOUT = "create_timeout"
    TIMEOUT_PLACED = "create_timeout_placed"
    RESET = "create_reset"
    RESET_PLACED = "create_reset_placed"
    INVALID_NUMBER = "invalid_number"

    @property
    def rings(self) -> bool:
        """Whether a phone rings, whatever the caller is told."""
        return self in _RINGS


_RINGS: Final = frozenset({Fate.TAKEN, Fate.ERROR_PLACED, Fate.TIMEOUT_PLACED, Fate.RESET_PLACED})

_FAULTS: Final = tuple(fate for fate in Fate if fate not in (Fate.TAKEN, Fate.INVALID_NUMBER))


class Status(Enum):
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Step:
    """After so long since the step before, or since the call was placed, this."""

    after_seconds: float
    status: Status
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class CallScript:
    fate: Fate
    latency_seconds: float
    steps: tuple[Step, ...]


MAGIC_ENDINGS: Final = {
    "0100": "answered_human",
    "0101": "answered_machine",
    "0102": "busy",
    "0103": "no_answer",
    "0104": "rejected",
    "0105": "failed",
    "0106": "invalid_number",
}
"""Numbers of 555-0100 and its like belong to nobody: made for examples."""


def write_script(
    profile: SimulationProfile,
    call_id: str,
    address: str,
    ring_timeout: timedelta,
    max_duration: timedelta,
) -> CallScript:
    rng = Random(f"{profile.seed}:{call_id}")  # noqa: S311
    latency = _draw(rng, profile.request_latency_ms)
    fault = _fault(profile, rng)
    outcome = _outcome(profile, rng, address)
    steps = _steps(profile, rng, outcome, ring_timeout, max_duration)
    if fault is not None:
        return CallScript(fault, latency, steps if fault.rings else ())
    if outcome == "invalid_number":
        return CallScript(Fate.INVALID_NUMBER, latency, ())
    return CallScript(Fate.TAKEN, latency, steps)


def _fault(profile: SimulationProfile, rng: Random) -> Fate | None:
    drawn = rng.random()
    for fate in _FAULTS:
        drawn -= getattr(profile, fate.value)
        if drawn < 0:
            return fate
    return None


def _outcome(profile: SimulationProfile, rng: Random, address: str) -> str:
    weights = list(profile.outcomes.values())
    drawn = rng.choices(OUTCOME_NAMES, weights)[0]
    return MAGIC_ENDINGS.get(address[-4:], drawn) if profile.magic_numbers else drawn


def _steps(
    profile: SimulationProfile,
    rng: Random,
    outcome: str,
    ring_timeout: timedelta,
    max_duration: timedelta,
) -> tuple[Step, ...]:
    rings = Step(_draw(rng, profile.setup_ms), Status.RINGING)
    ring, talk = _draw(rng, profile.ring_ms), _draw(rng, profile.talk_ms)
    timeout = ring_timeout.total_seconds()
    if outcome == "invalid_number":
        # Only reached by a call that a fault let through.
        outcome = "failed"
    if outcome == "no_answer" or ring >= timeout:
        # It rings as long as it may; a profile of short times cuts that short.
        rings_for = timeout if ring >= timeout else min(timeout, 4 * ring)
        return (rings, _end(rings_for, "no_answer"))
    if outcome in ("answered_human", "answered_machine"):
        lasts = min(talk, max_duration.total_seconds())
        return (rings, Step(ring, Status.ANSWERED), _end(lasts, outcome))
    return (rings, _end(ring, outcome))


def _end(after_seconds: float, outcome: str) -> Step:
    return Step(after_seconds, Status.ENDED, Disposition[outcome.upper()])


def _draw(rng: Random, span: Span) -> float:
    return rng.uniform(span.least_ms, span.most_ms) / 1000
