"""Breakers: opened by a run of failures, tried again one call at a time."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.breaker import ACCOUNT_TERMS, CLOSED, NUMBER_TERMS, Breaker
from outdial_server.domain.silence import LEASE
from support.domain import START

SECOND = timedelta(seconds=1)


def failing(breaker: Breaker, times: int, now: datetime = START) -> Breaker:
    for _ in range(times):
        breaker = breaker.failed(ACCOUNT_TERMS, "HTTP_503", now, now)
    return breaker


def test_a_run_of_failures_opens_it_and_one_that_works_in_between_does_not() -> None:
    nearly = failing(CLOSED, ACCOUNT_TERMS.failures - 1)
    assert nearly.passes(START) is None
    assert failing(nearly.worked(START), 1).passes(START) is None
    opened = failing(nearly, 1)
    assert (opened.passes(START), opened.reason) == (0, "HTTP_503")


def test_calls_from_before_it_opened_neither_close_it_nor_lengthen_its_wait() -> None:
    opened = failing(CLOSED, ACCOUNT_TERMS.failures)
    earlier = START - SECOND
    assert opened.worked(earlier) == opened
    assert opened.failed(ACCOUNT_TERMS, "TIMEOUT", earlier, START + SECOND) == opened


def test_one_call_finds_out_and_another_may_go_when_nothing_came_of_it() -> None:
    opened = failing(CLOSED, ACCOUNT_TERMS.failures)
    at = START + ACCOUNT_TERMS.first_wait
    assert opened.passes(at - timedelta(microseconds=1)) == 0
    assert opened.passes(at) == 1
    probing = opened.probed(at)
    assert probing.passes(at) == 0
    assert probing.passes(at + LEASE) == 1
    assert probing.worked(at) == CLOSED


@given(st.integers(1, 30))
def test_each_probe_that_fails_doubles_the_wait_up_to_a_bound(probes: int) -> None:
    breaker, now = failing(CLOSED, ACCOUNT_TERMS.failures), START
    waits = []
    for _ in range(probes):
        assert breaker.probe_at is not None
        waits.append(breaker.probe_at - now)
        now = breaker.probe_at
        breaker = failing(breaker.probed(now), 1, now)
    expected = [
        min(ACCOUNT_TERMS.first_wait * 2**n, ACCOUNT_TERMS.most_wait) for n in range(probes)
    ]
    assert waits == expected


def test_a_number_is_put_out_of_use_by_one_refusal() -> None:
    assert CLOSED.failed(NUMBER_TERMS, "TWILIO_21212", START, START).passes(START) == 0
