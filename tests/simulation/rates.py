"""How fast calls were let go, by rules that people change meanwhile: each call is held against
those that stood when it became SENDING, over the calls before it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple

SECOND_US: Final = 1_000_000

Rules = Sequence[tuple[int, float]]
"""At most so many calls in any window of so many seconds; all hold at once."""


class _Counted(NamedTuple):
    """A call in a throttle. Rules may change within a moment: the order says which of its calls
    came before."""

    order: int
    at_us: int
    rules: Rules
    # Calls up to there are not known any more: no window of before reached so far back.
    forgotten_us: int


class Rates:
    def __init__(self) -> None:
        # By call and throttle, as they stood when the call became SENDING the last time.
        self._stood: dict[int, dict[int, _Counted]] = {}
        # Of each throttle; at first nothing is.
        self._forgotten_us: defaultdict[int, int] = defaultdict(lambda: -1)
        self._orders = count()
        self._placed: defaultdict[int, list[_Counted]] = defaultdict(list)

    def note_sending(self, call: int, counted: Mapping[int, tuple[int, Rules]]) -> None:
        """Right after the commit: the moment of the count and the rules, by throttle."""
        order = next(self._orders)
        self._stood[call] = {
            throttle: _Counted(order, at_us, rules, self._forgotten_us[throttle])
            for throttle, (at_us, rules) in counted.items()
        }
        for throttle, (at_us, rules) in counted.items():
            longest_us = round(max(seconds for _, seconds in rules) * SECOND_US)
            self._forgotten_us[throttle] = max(self._forgotten_us[throttle], at_us - longest_us)

    def check_placed(self, call: int) -> None:
        """Requests leave in another order than calls became SENDING in: one of those behind
        this may be the one too many."""
        for throttle, counted in self._stood[call].items():
            placed = self._placed[throttle]
            placed.append(counted)
            for last in placed:
                if last.order >= counted.order:
                    _check_windows_to(last, placed)


def _check_windows_to(last: _Counted, placed: Sequence[_Counted]) -> None:
    for most, seconds in last.rules:
        since_us = max(last.at_us - round(seconds * SECOND_US), last.forgotten_us)
        inside = sum(since_us < call.at_us and call.order <= last.order for call in placed)
        assert inside <= most, f"{inside} calls in {seconds} s, of {most}"
