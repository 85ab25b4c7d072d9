"""How often one number may be called, as callers write it."""

from dataclasses import dataclass
from datetime import timedelta

from outdial.v1 import account_pb2 as messages

from outdial_client._times import to_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRules:
    """Of an account, over all that it dials."""

    min_gap: timedelta | None = None
    """From the end of one call to the next, 1 s to 30 days; with it no two calls of a number
    go at the same time."""
    max_calls_per_day: int = 0
    """Calls on one date of the person's time zone, 1 to 100; 0 means any number."""

    def to_message(self) -> messages.NumberRules:
        """The same as it is sent."""
        return messages.NumberRules(
            min_gap=to_duration(self.min_gap), max_calls_per_day=self.max_calls_per_day
        )
