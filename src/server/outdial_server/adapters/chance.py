"""Chance for forecasts: many numbers, fast, and none of them a secret."""

import random
import secrets
from collections.abc import Callable
from typing import Final

from outdial_server.domain.forecast.chance import Chance

_SEED_BITS: Final = 64


class SeededChances:
    """With a seed always the same; without one the system's randomness gives it."""

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed

    def new_chances(self) -> Callable[[int], Chance]:
        seed = secrets.randbits(_SEED_BITS) if self._seed is None else self._seed
        return lambda number: random.Random(f"{seed}/{number}")  # no secret
