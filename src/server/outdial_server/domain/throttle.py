"""Throttles: how many calls may be dialled in any window of a length."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import AccountId, ThrottleId

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """At most `max_calls` in each half-open stretch of time as long as `window`."""

    max_calls: int
    window: timedelta

    @property
    def calls_per_second(self) -> float:
        return self.max_calls / (self.window / _SECOND)


@dataclass(frozen=True, slots=True)
class ThrottleFields:
    """What a client may write of a throttle."""

    display_name: str
    rules: tuple[ThrottleRule, ...]


@dataclass(frozen=True, slots=True)
class Throttle:
    throttle_id: ThrottleId
    account_id: AccountId
    fields: ThrottleFields
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A rule at one moment: the calls in the window that ends there, and when it is open
    again if nothing more is dialled (None while it is)."""

    rule: ThrottleRule
    used: int
    opens_at: datetime | None = None

    @property
    def left(self) -> int:
        return max(0, self.rule.max_calls - self.used)


@dataclass(frozen=True, slots=True)
class ThrottleUse:
    """All rules of a throttle at one moment."""

    rules: tuple[RuleUse, ...]

    @property
    def left(self) -> int:
        return min(use.left for use in self.rules)

    @property
    def decisive(self) -> RuleUse:
        """Of rules that are closed the one that opens last, else the one with least left."""
        closed = [(use.opens_at, use) for use in self.rules if use.opens_at is not None]
        if closed:
            return max(closed, key=lambda pair: pair[0])[1]
        return min(self.rules, key=lambda use: use.left)


def check_throttle(checks: Checks, fields: ThrottleFields) -> None:
    checks.text("display_name", fields.display_name, limits.THROTTLE_NAME_MAX_CHARS, least=1)
    if not 1 <= len(fields.rules) <= limits.THROTTLE_RULES_MAX:
        checks.fault("rules", f"must have 1 to {limits.THROTTLE_RULES_MAX} rules")
    for index, rule in enumerate(fields.rules[: limits.THROTTLE_RULES_MAX]):
        path = f"rules[{index}]"
        checks.number(f"{path}.max_calls", rule.max_calls, 1, limits.THROTTLE_CALLS_MAX)
        checks.duration(
            f"{path}.window",
            rule.window,
            limits.THROTTLE_WINDOW_MIN,
            limits.THROTTLE_WINDOW_MAX,
        )
