"""Which people are called again by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from outdial.v1 import retry_policy_pb2 as messages
from outdial.v1.scheduled_call_pb2 import Disposition

from outdial_client._times import to_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBackoff:
    """Waits that grow, as often as the budget of the policy lets them."""

    initial: timedelta
    """The first wait, 1 s to 30 days, in whole seconds."""
    multiplier: float = 2.0
    """What each wait is of the one before, 1 to 10."""
    cap: timedelta | None = None
    """The longest wait before jitter; None means 30 days."""
    jitter: float = 0.0
    """0 to 1: each wait is made longer by a random part of itself, up to this share of it."""

    def to_message(self) -> messages.RetryBackoff:
        """The same as it is sent."""
        return messages.RetryBackoff(
            initial=to_duration(self.initial),
            multiplier=self.multiplier,
            cap=to_duration(self.cap),
            jitter=self.jitter,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a batch goes on with people who were not reached."""

    rules: Mapping[Disposition.ValueType, Sequence[timedelta] | RetryBackoff]
    """By how a call ended: the wait after the first call of a person that ended so, after the
    second, and so on; or waits that grow. One of ANSWERED_MACHINE, BUSY, NO_ANSWER, REJECTED,
    INVALID_NUMBER, FAILED and UNJOINED: whoever may have been reached is not called again."""
    max_attempts: int = 0
    """Calls that one person gets in all, the first included, 1 to 10; 0 means 3."""

    def to_message(self) -> messages.RetryPolicy:
        """The same as it is sent."""
        rules = [_rule(disposition, wait) for disposition, wait in self.rules.items()]
        return messages.RetryPolicy(max_attempts=self.max_attempts, rules=rules)


def _rule(
    disposition: Disposition.ValueType, wait: Sequence[timedelta] | RetryBackoff
) -> messages.RetryRule:
    if isinstance(wait, RetryBackoff):
        return messages.RetryRule(disposition=disposition, backoff=wait.to_message())
    delays = (to_duration(delay) for delay in wait)
    return messages.RetryRule(
        disposition=disposition, delays=[delay for delay in delays if delay is not None]
    )
