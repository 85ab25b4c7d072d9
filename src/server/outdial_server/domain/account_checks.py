"""Checks of the limits and rules of an account."""

from outdial_server.domain import limits
from outdial_server.domain.account import AccountChange
from outdial_server.domain.checks import Checks
from outdial_server.domain.number_rules import NumberRules


def check_account(checks: Checks, change: AccountChange) -> None:
    if change.display_name is not None:
        checks.text("display_name", change.display_name, limits.DISPLAY_NAME_MAX_CHARS, least=1)
    checks.number(
        "max_concurrent_calls", change.max_concurrent_calls, 1, limits.CONCURRENT_CALLS_MAX
    )
    checks.number("reserved_slots", change.reserved_slots, 0, limits.CONCURRENT_CALLS_MAX)
    if change.number_rules is not None:
        _check_number_rules(checks, change.number_rules)


def _check_number_rules(checks: Checks, rules: NumberRules) -> None:
    if rules.min_gap is not None:
        least, most = limits.NUMBER_GAP_MIN, limits.NUMBER_GAP_MAX
        checks.duration("number_rules.min_gap", rules.min_gap, least, most)
    checks.number(
        "number_rules.max_calls_per_day",
        rules.max_calls_per_day,
        1,
        limits.NUMBER_CALLS_PER_DAY_MAX,
    )
