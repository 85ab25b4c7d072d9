"""Throttles: what a client may ask for, and what the gate says."""

from datetime import timedelta

import pytest

from outdial_server.domain.checks import Checks
from outdial_server.domain.gates import ScopeFacts, scope_gates, throttle_gate
from outdial_server.domain.sentences import sentence
from outdial_server.domain.throttle import (
    RuleUse,
    ThrottleFields,
    ThrottleRule,
    ThrottleUse,
    check_throttle,
)
from support.clock import START
from support.domain import a_batch

SECOND = timedelta(seconds=1)
FAST, SLOW = ThrottleRule(2, SECOND), ThrottleRule(10, 60 * SECOND)


def faults(fields: ThrottleFields) -> list[str]:
    checks = Checks()
    check_throttle(checks, fields)
    return [violation.field for violation in checks.violations]


def test_the_bounds_of_a_throttle_are_inside() -> None:
    rules = (ThrottleRule(1, SECOND), ThrottleRule(100_000, timedelta(days=1)))
    assert faults(ThrottleFields("x" * 64, rules)) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (ThrottleFields("", (FAST,)), ["display_name"]),
        (ThrottleFields("x" * 65, (FAST,)), ["display_name"]),
        (ThrottleFields("x", ()), ["rules"]),
        (ThrottleFields("x", (FAST,) * 11), ["rules"]),
        (ThrottleFields("x", (FAST, ThrottleRule(0, SECOND))), ["rules[1].max_calls"]),
        (ThrottleFields("x", (ThrottleRule(100_001, SECOND),)), ["rules[0].max_calls"]),
        (ThrottleFields("x", (ThrottleRule(1, SECOND / 2),)), ["rules[0].window"]),
        (ThrottleFields("x", (ThrottleRule(1, SECOND * 1.5),)), ["rules[0].window"]),
        (ThrottleFields("x", (ThrottleRule(1, timedelta(days=2)),)), ["rules[0].window"]),
    ],
)
def test_what_is_out_of_bounds_is_named(fields: ThrottleFields, named: list[str]) -> None:
    assert faults(fields) == named


def test_the_gate_lets_through_what_the_tightest_rule_has_left() -> None:
    answer = throttle_gate(ThrottleUse((RuleUse(FAST, 1), RuleUse(SLOW, 8))))
    assert (answer.is_open, answer.budget) == (True, 1)
    assert answer.figures == {"used": 1, "cap": 2, "window_seconds": 1}


def test_the_gate_is_closed_until_the_last_rule_opens() -> None:
    soon, late = START + SECOND, START + 9 * SECOND
    answer = throttle_gate(ThrottleUse((RuleUse(SLOW, 10, late), RuleUse(FAST, 2, soon))))
    assert (answer.budget, answer.reason, answer.next_at) == (0, "THROTTLED", late)
    assert answer.figures == {"used": 10, "cap": 10, "window_seconds": 60}


def test_a_closed_throttle_is_explained() -> None:
    answer = throttle_gate(ThrottleUse((RuleUse(SLOW, 10, START + SECOND),)))
    said = sentence(answer)
    assert said.startswith("The throttle has let 10 calls go in 60 s: there is room again at 2026-")


def test_a_batch_without_a_throttle_has_no_gate() -> None:
    use = ThrottleUse((RuleUse(FAST, 1),))
    without, with_one = (
        {a.gate for a in scope_gates(ScopeFacts(a_batch(), (), throttle), START)}
        for throttle in (None, use)
    )
    assert with_one - without == {"throttle"}
