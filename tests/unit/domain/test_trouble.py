"""What the ends of requests make of a carrier account, and what that holds back."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.breaker import ACCOUNT_TERMS
from outdial_server.domain.carrier_pace import RESTART, effective_rate
from outdial_server.domain.gates import GateAnswer, carrier_account_gate
from outdial_server.domain.report import Evidence
from outdial_server.domain.trouble import (
    CALLER_ID_REFUSED,
    CARRIER_ASKED_TO_WAIT,
    CARRIER_FAILING,
    NO_TROUBLE,
    PROBE_ENDS,
    PROBE_OUT,
    Hold,
    Sign,
    Trouble,
    account_after,
    number_after,
)
from support.domain import START

SECOND = timedelta(seconds=1)
RATE = 10.0


def heard(
    trouble: Trouble, *evidence: Evidence, at: datetime = START, wait: timedelta | None = None
) -> Trouble:
    signs = [Sign(one, at, "HTTP_503", wait) for one in evidence]
    return account_after(trouble, signs, RATE, RATE, at)


def opened() -> Trouble:
    return heard(NO_TROUBLE, *[Evidence.FAILS] * ACCOUNT_TERMS.failures)


def test_what_works_leaves_nothing_behind() -> None:
    assert heard(NO_TROUBLE, Evidence.WORKS) == NO_TROUBLE
    once = heard(NO_TROUBLE, Evidence.FAILS)
    assert not once.is_over(RATE, START)
    assert once.hold(START) is None
    assert heard(once, Evidence.WORKS).is_over(RATE, START)


def test_nothing_goes_before_the_moment_that_the_carrier_has_named() -> None:
    asked = heard(NO_TROUBLE, Evidence.TOO_MUCH, wait=9 * SECOND)
    until = START + 9 * SECOND
    assert asked.hold(until - SECOND) == Hold(0, CARRIER_ASKED_TO_WAIT, until)
    assert asked.hold(until) is None
    assert effective_rate(RATE, asked.pace, until) == RATE / 2
    # A shorter one does not take it back.
    again = heard(asked, Evidence.TOO_MUCH, wait=SECOND)
    assert again.hold(START) == asked.hold(START)


def test_of_many_that_were_on_their_way_together_the_rate_falls_once() -> None:
    slower = heard(NO_TROUBLE, *[Evidence.TOO_MUCH] * 20)
    assert effective_rate(RATE, slower.pace, START) == RATE / 2
    later = START + SECOND
    again = account_after(slower, [Sign(Evidence.TOO_MUCH, START)], RATE, RATE, later)
    assert again.pace is not None
    assert again.pace.fell_at == START
    third = heard(again, Evidence.TOO_MUCH, at=later)
    assert third.pace is not None
    assert third.pace.fell_at == later


def test_who_works_again_gets_more_only_slowly() -> None:
    at = START + ACCOUNT_TERMS.first_wait
    assert opened().hold(START) == Hold(0, CARRIER_FAILING, at)
    probing = opened().probed(at)
    assert probing.hold(at) == Hold(0, PROBE_OUT, at + 15 * SECOND, PROBE_ENDS)
    later = at + 3 * SECOND
    works = account_after(probing, [Sign(Evidence.WORKS, at)], RATE, RATE, later)
    assert works.hold(later) is None
    assert effective_rate(RATE, works.pace, later) == RATE * RESTART
    assert not works.is_over(RATE, later)
    assert works.is_over(RATE, later + timedelta(minutes=1))


def test_a_probe_that_is_turned_away_has_found_the_carrier() -> None:
    at = START + ACCOUNT_TERMS.first_wait
    found = heard(opened().probed(at), Evidence.TOO_MUCH, at=at, wait=2 * SECOND)
    assert found.hold(at) == Hold(0, CARRIER_ASKED_TO_WAIT, at + 2 * SECOND)
    assert found.hold(at + 2 * SECOND) is None


def test_a_number_is_held_until_a_call_may_show_it() -> None:
    refused = number_after(NO_TROUBLE, [Sign(Evidence.FAILS, START, "TWILIO_21212")], START)
    at = START + timedelta(minutes=1)
    assert refused.hold(START, CALLER_ID_REFUSED) == Hold(0, CALLER_ID_REFUSED, at)
    held = refused.held(START, CALLER_ID_REFUSED)
    assert held is not None
    assert (held.until, held.failure) == (at, "TWILIO_21212")
    assert number_after(refused.probed(at), [Sign(Evidence.WORKS, at)], at) == NO_TROUBLE


def test_a_forecast_takes_the_next_probe_to_get_through() -> None:
    at = START + ACCOUNT_TERMS.first_wait
    foreseen = opened().foreseen
    assert foreseen.hold(START) == Hold(0, CARRIER_ASKED_TO_WAIT, at)
    assert foreseen.hold(at) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Evidence),
            st.integers(0, 20),
            st.integers(0, 20),
            st.none() | st.integers(0, 60),
        ),
        max_size=60,
    ),
    st.integers(0, 400),
)
def test_whatever_is_told_the_gate_opens_at_the_moment_that_it_names(
    story: list[tuple[Evidence, int, int, int | None]], ahead: int
) -> None:
    trouble, now = NO_TROUBLE, START
    asked_until = START
    for evidence, gap, age, wait in story:
        now += gap * SECOND
        retry_after = None if wait is None else wait * SECOND
        sign = Sign(evidence, now - age * SECOND, "HTTP_503", retry_after)
        trouble = account_after(trouble, [sign], RATE, RATE, now)
        if evidence is Evidence.TOO_MUCH and retry_after is not None:
            asked_until = max(asked_until, now + retry_after)
    now += ahead * SECOND
    answer: GateAnswer = carrier_account_gate(trouble, now)
    assert answer.is_open or answer.next_at is not None
    if answer.next_at is not None:
        assert answer.next_at > now
        assert carrier_account_gate(trouble, answer.next_at).is_open
    assert now >= asked_until or not answer.is_open
    assert 0 < effective_rate(RATE, trouble.pace, now) <= RATE
