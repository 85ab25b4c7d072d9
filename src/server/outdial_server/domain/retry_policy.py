"""Which people are tried again by themselves, when, and how often: the rules of a batch.

A rule names how a try ended and how long to wait then; one budget holds over all rules.
Whoever may have been reached is never tried again by a rule: no rule can be made for these
dispositions, and an answered call is left alone whatever it is said to have ended as.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.call import Disposition

RETRYABLE_DISPOSITIONS: Final = (
    Disposition.ANSWERED_MACHINE,
    Disposition.BUSY,
    Disposition.NO_ANSWER,
    Disposition.REJECTED,
    Disposition.INVALID_NUMBER,
    Disposition.FAILED,
    Disposition.UNJOINED,
)
"""What a rule may name. Not ANSWERED_HUMAN: that person was reached. Not CANCELLED: somebody
on our side wanted it so. Not UNKNOWN and PRESUMED_ENDED: these people may have been reached,
and only the batch's unknown policy, or a person, decides about them."""

RETRY_SCHEDULED: Final = "RETRY_SCHEDULED"
"""Why a row waits whose next try the policy has granted."""

NO_ATTEMPT_LEFT: Final = "NO_ATTEMPT_LEFT"
"""Why a row ended that waited for a try when the budget was lowered."""


@dataclass(frozen=True, slots=True)
class FixedDelays:
    """The first wait, the second, and so on. Behind the last there is no further try."""

    delays: tuple[timedelta, ...]

    def after(self, earlier: int, draw: float) -> timedelta | None:
        return self.delays[earlier] if earlier < len(self.delays) else None


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow by `multiplier` up to `cap`, each made longer by up to `jitter` of
    itself: never shorter, so that nobody is called before the time."""

    initial: timedelta
    multiplier: float = limits.RETRY_MULTIPLIER_DEFAULT
    cap: timedelta = limits.RETRY_DELAY_MAX
    jitter: float = 0.0

    def after(self, earlier: int, draw: float) -> timedelta | None:
        # In seconds: a timedelta overflows where a number only grows large.
        grown = self.initial.total_seconds() * self.multiplier ** min(earlier, _GROWTHS_MAX)
        plain = self.cap if grown >= self.cap.total_seconds() else timedelta(seconds=grown)
        return plain + plain * (self.jitter * draw)


_GROWTHS_MAX: Final = limits.ATTEMPTS_MAX

Wait = FixedDelays | Backoff


@dataclass(frozen=True, slots=True)
class RetryRule:
    disposition: Disposition
    wait: Wait


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` counts every try whose request was sent, the first one included."""

    rules: tuple[RetryRule, ...]
    max_attempts: int = limits.ATTEMPTS_DEFAULT

    def wait_after(self, disposition: Disposition) -> Wait | None:
        return next((r.wait for r in self.rules if r.disposition is disposition), None)

    @property
    def draws(self) -> bool:
        """Whether chance takes a part in it."""
        return any(isinstance(r.wait, Backoff) and r.wait.jitter > 0 for r in self.rules)


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries of one person: the number of the one that ends now, and how often earlier
    ones ended in which way."""

    attempt: int = 1
    earlier: Mapping[Disposition, int] = field(default_factory=dict)


def next_try(
    policy: RetryPolicy, disposition: Disposition, tries: Tries, now: datetime, draw: float
) -> datetime | None:
    """When to try again after a try that ended like this; None for never. `draw` is a number
    from 0 to below 1 that chance has given."""
    wait = policy.wait_after(disposition)
    if wait is None or tries.attempt >= policy.max_attempts:
        return None
    delay = wait.after(tries.earlier.get(disposition, 0), draw)
    return None if delay is None else now + delay


@dataclass(frozen=True, slots=True)
class RetryTerms:
    """What decides on another try of one person when a try has ended."""

    policy: RetryPolicy
    tries: Tries
    window_end: datetime | None
    draw: float

    def grant(self, disposition: Disposition, now: datetime) -> datetime | None:
        """The moment of the next try. One that could only expire is not granted: the person
        was tried, and the row says what came of it."""
        at = next_try(self.policy, disposition, self.tries, now, self.draw)
        in_time = at is not None and (self.window_end is None or at < self.window_end)
        return at if in_time else None


def attempt_cap(policy: RetryPolicy | None) -> int:
    """How many tries a person has. Without a policy no try follows the first."""
    return 1 if policy is None else policy.max_attempts
