"""The judge of rates sees one that is exceeded, whatever was changed meanwhile."""

from collections.abc import Sequence

import pytest

from simulation.rates import SECOND_US, Rates, Rules

SLOW = 7
"""A throttle."""

ONE_IN_TWO: Rules = [(1, 2.0)]
TWO_IN_ONE: Rules = [(2, 1.0)]
SIX_IN_TEN: Rules = [(6, 10.0)]

Sent = tuple[float, Rules]
"""When a call became SENDING, and the rules at that moment."""


def judged(calls: Sequence[Sent], order: Sequence[int] | None = None) -> None:
    """All become SENDING, and their requests leave in `order`."""
    rates = Rates()
    for call, (seconds, rules) in enumerate(calls):
        rates.note_sending(call, {SLOW: (round(seconds * SECOND_US), rules)})
    for call in order or range(len(calls)):
        rates.check_placed(call)


@pytest.mark.parametrize(
    "calls",
    [
        [(0, ONE_IN_TWO), (2, ONE_IN_TWO)],
        [(0, TWO_IN_ONE), (0, TWO_IN_ONE), (1, TWO_IN_ONE)],
        # All rules hold at once.
        [(at, [*TWO_IN_ONE, *SIX_IN_TEN]) for at in (0, 0, 1, 2, 3, 4, 10)],
    ],
)
def test_a_rate_that_is_kept_is_no_fault(calls: list[Sent]) -> None:
    judged(calls)


@pytest.mark.parametrize(
    "calls",
    [
        [(0, ONE_IN_TWO), (1.9, ONE_IN_TWO)],
        [(0, TWO_IN_ONE), (0.5, TWO_IN_ONE), (0.9, TWO_IN_ONE)],
        [(at, [*TWO_IN_ONE, *SIX_IN_TEN]) for at in (0, 0, 1, 2, 3, 4, 9)],
    ],
)
def test_a_rate_exceeded_is_one_in_whatever_order_requests_leave(calls: list[Sent]) -> None:
    for order in (None, list(reversed(range(len(calls))))):
        with pytest.raises(AssertionError, match="calls in"):
            judged(calls, order)


def test_calls_are_held_against_the_rules_under_which_they_were_sent() -> None:
    judged([(0, TWO_IN_ONE), (0, TWO_IN_ONE), (2, ONE_IN_TWO)])
    # Changed within a moment.
    judged([(0, ONE_IN_TWO), (0, TWO_IN_ONE), (1, TWO_IN_ONE)])
    with pytest.raises(AssertionError, match=r"2 calls in 2\.0 s, of 1"):
        judged([(0, TWO_IN_ONE), (0, ONE_IN_TWO)])


def test_a_call_under_new_rules_counts_those_before_it() -> None:
    with pytest.raises(AssertionError, match=r"2 calls in 2\.0 s, of 1"):
        judged([(0, TWO_IN_ONE), (1.9, ONE_IN_TWO)])


def test_rules_that_reach_further_back_count_what_is_still_known() -> None:
    """Of six calls the last two lie in the longest window that there was."""
    before: list[Sent] = [(at, [(2, 2.0)]) for at in (0, 0, 2, 2, 4, 4)]
    judged([*before, *[(4.5, SIX_IN_TEN)] * 4])
    with pytest.raises(AssertionError, match=r"7 calls in 10\.0 s, of 6"):
        judged([*before, *[(4.5, SIX_IN_TEN)] * 5])


def test_a_call_that_is_sent_anew_counts_where_it_is_sent() -> None:
    rates = Rates()
    rates.note_sending(1, {SLOW: (0, ONE_IN_TWO)})
    rates.note_sending(2, {SLOW: (3 * SECOND_US, ONE_IN_TWO)})
    rates.note_sending(1, {SLOW: (4 * SECOND_US, ONE_IN_TWO)})
    rates.check_placed(2)
    with pytest.raises(AssertionError, match=r"2 calls in 2\.0 s, of 1"):
        rates.check_placed(1)
