"""Rules for each number: how often one person may be called, over all that an account dials."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.time_zones import local_day, moment_of


@dataclass(frozen=True, slots=True)
class NumberRules:
    """None is no such rule."""

    # From the end of one call to the next; and no two at the same time.
    min_gap: timedelta | None = None
    # On one date of the zone that the person is called by.
    max_calls_per_day: int | None = None

    @property
    def are_any(self) -> bool:
        return self.min_gap is not None or self.max_calls_per_day is not None


NO_NUMBER_RULES: Final = NumberRules()


@dataclass(frozen=True, slots=True)
class NumberUse:
    """The calls of one number that rules may still ask for."""

    sent_at: Sequence[datetime] = ()
    # Those of them that have not ended: one may turn out not to have been placed.
    live: int = 0
    # When the last of the others ended.
    ended_at: datetime | None = None

    def with_call(self, now: datetime) -> "NumberUse":
        return NumberUse((*self.sent_at, now), self.live + 1, self.ended_at)

    def calls_on_day(self, zone: str, now: datetime) -> int:
        if not self.sent_at:
            # Most of a list: their midnight is not worked out.
            return 0
        midnight = moment_of(zone, local_day(zone, now), 0)
        return sum(at >= midnight for at in self.sent_at)


UNCALLED: Final = NumberUse()
