"""Settings that chance makes up."""

from datetime import timedelta
from random import Random
from typing import Any

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.carrier_config import CarrierConfigFields
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.retry_policy import (
    RETRYABLE_DISPOSITIONS,
    Backoff,
    FixedDelays,
    RetryPolicy,
    RetryRule,
    Wait,
)

# In both it is the same minute of an hour as in UTC, and the offices of one are closed.
ZONES = ("Europe/London", "America/New_York")


class Draws:
    def __init__(self, random: Random, config_name: str) -> None:
        self._random = random
        self.config_name = config_name

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def cap(self) -> int | None:
        return self._random.choice([None, 1, 2, 3, 4])

    def limits(self) -> CarrierConfigFields:
        return CarrierConfigFields(
            self.config_name, self.cap(), self._random.choice([None, 0.2, 1.5, 3])
        )

    def policy(self) -> RetryPolicy | None:
        if self.chance(40):
            return None
        ruled = self._random.sample(RETRYABLE_DISPOSITIONS, self._random.randint(1, 7))
        return RetryPolicy(
            tuple(RetryRule(disposition, self._wait()) for disposition in ruled),
            self._random.randint(1, 4),
        )

    def _wait(self) -> Wait:
        first = timedelta(seconds=self._random.choice([1, 2, 5, 45]))
        if self.chance(50):
            return FixedDelays((first,) * self._random.randint(1, 3))
        return Backoff(first, 2.0, first * 3, self._random.choice([0.0, 0.5]))

    def hours(self) -> CallingHours | None:
        """Of a few minutes, since a walk takes not many more."""
        if self.chance(50):
            return None
        opens = 9 * 60 + self._random.randint(-2, 3)
        return CallingHours(EVERY_DAY, opens, opens + self._random.choice([1, 2, 60]))

    def schedule(self) -> dict[str, Any]:
        return {
            "calling_hours": self.hours(),
            "time_zone": self._random.choice([*ZONES, "UTC"]),
            "max_calls_per_day": self._random.choice([None, None, 1, 3, 6]),
            "pacing": self._random.choice(list(Pacing)),
        }

    def zone(self) -> str:
        return self._random.choice(["", "", *ZONES])
