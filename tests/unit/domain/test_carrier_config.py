"""Rates of accounts at carriers."""

import math
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.carrier_config import (
    CarrierConfigFields,
    CarrierRates,
    check_carrier_config,
    rate_rule,
    refuse_other_carrier,
)
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import PreconditionError

RATES = st.floats(limits.CALLS_PER_SECOND_MIN, limits.CALLS_PER_SECOND_MAX)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("rate", "calls", "seconds"),
    [(1, 1, 1), (30, 30, 1), (0.5, 1, 2), (0.01, 1, 100), (2.5, 3, 1.2), (1000, 1000, 1)],
)
def test_a_rate_is_a_whole_number_of_calls_in_a_second_or_a_little_more(
    rate: float, calls: int, seconds: float
) -> None:
    rule = rate_rule(rate)
    assert (rule.max_calls, rule.window) == (calls, timedelta(seconds=seconds))


@given(RATES)
def test_a_window_lets_no_more_go_than_the_rate_and_nearly_all_of_it(rate: float) -> None:
    rule = rate_rule(rate)
    let_go = Fraction(rule.max_calls * 1_000_000, rule.window // MICROSECOND)
    assert let_go <= Fraction(rate) * (1 + Fraction(1, 10**12))
    assert let_go >= Fraction(rate) * Fraction(999_999, 1_000_000)
    assert rule.window >= timedelta(seconds=1)
    # So that in one second there are at most as many as the rate, rounded up.
    assert rule.max_calls == math.ceil(rate)


def test_a_carriers_default_holds_where_no_rate_is_given() -> None:
    rates = CarrierRates({"twilio": 1.0})
    assert rates.rate_of("twilio", None) == 1
    assert rates.rate_of("twilio", 5.0) == 5
    assert rates.rate_of("simulated", None) is None
    assert rates.rule_of("simulated", None) is None


@pytest.mark.parametrize("rate", [0.0099, 1000.5, -1.0, math.nan, math.inf])
def test_a_rate_out_of_range_is_a_fault(rate: float) -> None:
    checks = Checks("carrier_config.")
    check_carrier_config(checks, CarrierConfigFields("main", calls_per_second=rate))
    (fault,) = checks.violations
    assert fault.field == "carrier_config.calls_per_second"
    assert "0.01 to 1000" in fault.description


def test_a_config_of_another_carrier_is_refused_by_name() -> None:
    refuse_other_carrier("twilio", "twilio")
    with pytest.raises(PreconditionError, match=r"'twilio'.*'plivo'"):
        refuse_other_carrier("twilio", "plivo")
