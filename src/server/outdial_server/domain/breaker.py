"""Breakers: what keeps calls away from a carrier account, or from a number, that does not work.

Closed, calls go through. A run of failures opens it, and nothing goes through until its wait is
over; then one call does, and what comes of that one closes it or opens it for longer."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from outdial_server.domain.silence import LEASE


class BreakerTerms(NamedTuple):
    """How many failures in a row open it, and for how long: twice as long with each probe
    that fails, up to a bound."""

    failures: int
    first_wait: timedelta
    most_wait: timedelta


ACCOUNT_TERMS: Final = BreakerTerms(10, timedelta(seconds=5), timedelta(minutes=5))
"""Of an account where one request in four is lost, ten in a row are lost once in a million."""

NUMBER_TERMS: Final = BreakerTerms(1, timedelta(minutes=1), timedelta(hours=1))
"""A carrier that will not show a number says so in so many words."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`probe_at` is None while it is closed."""

    # In a row, and what the last one was.
    failures: int = 0
    reason: str = ""
    # In a row: how often it has opened since calls went through.
    trips: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    # A probe is out. Nothing may come of it: then another may go.
    probing_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.probe_at is not None

    def passes(self, now: datetime) -> int | None:
        """How many calls go through at this moment; None for any number."""
        if self.probe_at is None:
            return None
        return int(now >= (self.probing_until or self.probe_at))

    def failed(
        self, terms: BreakerTerms, reason: str, sent_at: datetime, now: datetime
    ) -> "Breaker":
        """A call that was let go at `sent_at` did not get through. One from before it opened
        tells nothing new."""
        if self.opened_at is not None and sent_at <= self.opened_at:
            return self
        failures = self.failures + 1
        if not self.is_open and failures < terms.failures:
            return replace(self, failures=failures, reason=reason)
        return Breaker(
            failures,
            reason,
            self.trips + 1,
            now,
            now + _wait(terms, self.trips),
            probing_until=None,
        )

    def worked(self, sent_at: datetime) -> "Breaker":
        if self.opened_at is not None and sent_at <= self.opened_at:
            return self
        return CLOSED

    def probed(self, now: datetime) -> "Breaker":
        """A probe is let go."""
        return replace(self, probing_until=now + LEASE)


def _wait(terms: BreakerTerms, trips: int) -> timedelta:
    doubled: timedelta = terms.first_wait * (1 << min(trips, 16))
    return min(doubled, terms.most_wait)


CLOSED: Final = Breaker()
