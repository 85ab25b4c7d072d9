"""What throttles count under the clock of a forecast."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.throttle import RuleUse, ThrottleRule, ThrottleUse

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ThrottlePast:
    """A throttle as the forecast finds it: its rules, and the calls that they still count, as
    (microseconds from the forecast's moment, calls), oldest first."""

    rules: tuple[ThrottleRule, ...]
    hits: Sequence[tuple[int, int]] = ()


@dataclass(slots=True)
class _Window:
    rule: ThrottleRule
    length_us: int
    hits: deque[tuple[int, int]] = field(default_factory=deque)
    used: int = 0

    def forget(self, now_us: int) -> None:
        while self.hits and self.hits[0][0] + self.length_us <= now_us:
            self.used -= self.hits.popleft()[1]

    def opens_us(self) -> int | None:
        """When as many have left that there is room again."""
        too_many = self.used - self.rule.max_calls + 1
        if too_many <= 0:
            return None
        for at_us, count in self.hits:
            too_many -= count
            if too_many <= 0:
                return at_us + self.length_us
        raise AssertionError("the hits add up to what is used")


class ThrottleLog:
    """Sliding windows, exact over the moments that it is told."""

    def __init__(
        self, past: ThrottlePast, moment: Callable[[int], datetime], grain_calls: int = 1
    ) -> None:
        """`grain_calls`: a forecast that moves so many calls at once sees each rule through a
        coarser glass, as the same rate over a window that holds several such moves."""
        self._moment = moment
        self._windows = [_window(rule, grain_calls) for rule in past.rules]
        for at_us, count in past.hits:
            self.count(at_us, count)

    def count(self, at_us: int, calls: int) -> None:
        for window in self._windows:
            # Never before one that was counted already: the log stays in order.
            at = max(at_us, window.hits[-1][0]) if window.hits else at_us
            window.hits.append((at, calls))
            window.used += calls

    def use(self, now_us: int) -> ThrottleUse:
        return ThrottleUse(tuple(self._uses(now_us)))

    def _uses(self, now_us: int) -> Iterable[RuleUse]:
        for window in self._windows:
            window.forget(now_us)
            opens_us = window.opens_us()
            yield RuleUse(
                window.rule, window.used, None if opens_us is None else self._moment(opens_us)
            )


_MOVES_A_WINDOW: Final = 4


def _window(rule: ThrottleRule, grain_calls: int) -> _Window:
    wide = -(-_MOVES_A_WINDOW * grain_calls // rule.max_calls) if grain_calls > 1 else 1
    stretched = ThrottleRule(rule.max_calls * wide, rule.window * wide)
    return _Window(stretched, stretched.window // _MICROSECOND)
