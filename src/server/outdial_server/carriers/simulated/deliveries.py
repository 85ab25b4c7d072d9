"""How the news of a call reaches the server: once and at once, or as the profile has it."""

from dataclasses import fields
from random import Random  # noqa: TID251 seeded by the call: no randomness of its own
from typing import Final

from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import Status

LATE_SECONDS: Final = 2.0
DISORDER_SECONDS: Final = 0.05
"""Enough for the next status of a short call to overtake this one."""

_AT_ONCE: Final = (0.0,)
_RATES: Final = tuple(
    field.name for field in fields(SimulationProfile) if field.name.startswith("callback_")
)


def deliveries(profile: SimulationProfile, call_id: str, status: Status) -> tuple[float, ...]:
    """After how many seconds each copy of the news is let go. Never empty for an ending:
    carriers repeat one for hours."""
    if not any(getattr(profile, name) for name in _RATES):
        return _AT_ONCE
    rng = Random(f"{profile.seed}:{call_id}:{status.value}")  # noqa: S311
    if rng.random() < profile.callback_lost and status is not Status.ENDED:
        return ()
    copies = 2 if rng.random() < profile.callback_duplicated else 1
    return tuple(_delay_seconds(profile, rng) for _ in range(copies))


def _delay_seconds(profile: SimulationProfile, rng: Random) -> float:
    if rng.random() < profile.callback_late:
        return LATE_SECONDS * rng.random()
    if rng.random() < profile.callback_disordered:
        return DISORDER_SECONDS * rng.random()
    return 0.0
