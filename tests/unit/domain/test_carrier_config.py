"""Rates of accounts at carriers."""

import math
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.carrier_config import (
    CarrierConfigFields,
    CarrierRates,
    ConfigRef,
    check_carrier_config,
    config_ref,
    rate_rule,
    refuse_other_carrier,
)
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.gates import ScopeFacts, carrier_rate_gate, scope_gates
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.sentences import sentence
from outdial_server.domain.throttle import RuleUse, ThrottleUse
from support.clock import START
from support.domain import a_batch

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


# --- the gate


def test_the_gate_of_a_rate_lets_as_many_through_as_are_left() -> None:
    answer = carrier_rate_gate(ThrottleUse((RuleUse(rate_rule(2.5), 1),)))
    assert (answer.is_open, answer.budget) == (True, 2)
    assert answer.figures == {"used": 1, "cap": 3, "window_ms": 1200}
    assert sentence(answer) == ""


def test_a_rate_that_is_reached_is_closed_until_its_moment_and_says_so() -> None:
    opens_at = START + timedelta(milliseconds=300)
    answer = carrier_rate_gate(ThrottleUse((RuleUse(rate_rule(2.5), 3, opens_at),)))
    assert (answer.budget, answer.reason) == (0, "CARRIER_RATE_REACHED")
    assert answer.next_at == opens_at
    assert sentence(answer).startswith(
        "The carrier account takes 3 calls in 1.2 s: there is room again at 2026-"
    )


def test_a_throttle_and_a_rate_are_two_gates_and_neither_is_there_unused() -> None:
    use = ThrottleUse((RuleUse(rate_rule(1), 0),))
    for throttle, rate, names in (
        (None, None, set()),
        (use, None, {"throttle"}),
        (None, use, {"carrier_rate"}),
        (use, use, {"throttle", "carrier_rate"}),
    ):
        answers = scope_gates(ScopeFacts(a_batch(), (), throttle, rate), START)
        assert {a.gate for a in answers} & {"throttle", "carrier_rate"} == names


# --- what carriers ask for


TERMS = CarrierTerms(
    known=frozenset({"twilio", "sip"}),
    need_config=frozenset({"twilio"}),
    connect_to={"twilio": lambda account: frozenset({"wss", str(account.get("extra"))})},
)


@pytest.mark.parametrize(
    ("carrier", "account", "join_url", "reason"),
    [
        ("twilio", {}, "wss://agent.example.com", None),
        ("twilio", {}, "WSS://agent.example.com", None),
        ("twilio", None, "wss://agent.example.com", Reason.CARRIER_NOT_CONFIGURED),
        ("twilio", {}, "", Reason.AGENT_HAS_NO_JOIN_URL),
        ("twilio", {}, "sip:agent@example.com", Reason.JOIN_URL_UNFIT),
        ("twilio", {"extra": "sip"}, "sip:agent@example.com", None),
        ("sip", None, "", None),
        ("simulated", {}, "wss://agent.example.com", Reason.CARRIER_NOT_CONFIGURED),
    ],
)
def test_what_a_batch_lacks_for_its_carrier_is_named(
    carrier: str,
    account: Mapping[str, CredentialValue] | None,
    join_url: str,
    reason: Reason | None,
) -> None:
    def ask(terms: CarrierTerms) -> None:
        terms.refuse(
            carrier, has_credentials=account is not None, join_url=join_url, account=account
        )

    ask(NO_TERMS)
    if reason is None:
        ask(TERMS)
        return
    with pytest.raises(PreconditionError) as refused:
        ask(TERMS)
    assert refused.value.reason is reason
    scheme = {"scheme": "sip"} if reason is Reason.JOIN_URL_UNFIT else {}
    assert refused.value.metadata == {"carrier": carrier} | scheme


def test_where_the_number_decides_on_the_account_any_join_url_may_do() -> None:
    TERMS.refuse("twilio", has_credentials=True, join_url="sip:agent@example.com")


def test_no_id_is_no_carrier_config() -> None:
    assert config_ref("") is None
    assert config_ref("k-1", 3) == ConfigRef(CarrierConfigId("k-1"), 3)
