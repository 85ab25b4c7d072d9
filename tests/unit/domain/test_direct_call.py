"""What stands in the way of a direct call, and what its caller is told."""

from datetime import timedelta

import pytest

from outdial_server.domain.direct_call import PATIENCE, expiry, reason_of_end, refusal
from outdial_server.domain.errors import ExhaustedError, PreconditionError, Reason
from outdial_server.domain.gates import ANY_CALL_ENDS, GateAnswer
from outdial_server.domain.scheduled_call import ScheduledCallState
from support.clock import START

OPEN = GateAnswer("agent", None)
FULL = GateAnswer("slots_agent", 0, "NO_FREE_SLOT", {"used": 2, "cap": 2}, waits_for=ANY_CALL_ENDS)
THROTTLED = GateAnswer(
    "throttle",
    0,
    "THROTTLED",
    {"used": 5, "cap": 5, "window_seconds": 60},
    next_at=START + timedelta(seconds=7),
)
SUPPRESSED = GateAnswer("suppression", 0, "SUPPRESSED")


def test_with_every_gate_open_nothing_is_in_the_way() -> None:
    assert refusal([OPEN, OPEN], START, may_wait=False) is None


def test_a_full_limit_is_told_with_its_figures() -> None:
    error = refusal([OPEN, FULL, THROTTLED], START, may_wait=False)
    assert isinstance(error, ExhaustedError)
    assert error.reason is Reason.NO_FREE_SLOT
    assert error.metadata == {"gate": "slots_agent", "used": "2", "cap": "2"}
    assert error.message == "The agent has 2 calls at once, of at most 2."


def test_a_rule_that_names_a_moment_says_how_long_to_wait() -> None:
    error = refusal([THROTTLED], START, may_wait=False)
    assert isinstance(error, ExhaustedError)
    assert error.reason is Reason.CALL_HELD_BACK
    assert error.metadata == {"gate": "throttle", "because": "THROTTLED"}
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("blocked", [FULL, THROTTLED])
def test_whoever_may_wait_is_not_refused_for_what_passes(blocked: GateAnswer) -> None:
    assert refusal([blocked], START, may_wait=True) is None


@pytest.mark.parametrize("may_wait", [False, True])
def test_what_is_for_good_comes_first_and_for_those_who_wait_too(may_wait: bool) -> None:
    error = refusal([FULL, SUPPRESSED], START, may_wait=may_wait)
    assert isinstance(error, PreconditionError)
    assert error.reason is Reason.ADDRESS_SUPPRESSED


def test_without_a_wait_it_is_dialled_soon_or_not_at_all() -> None:
    assert expiry(None, START) == START + PATIENCE
    assert expiry(START + timedelta(hours=2), START) == START + timedelta(hours=2)


def test_the_reason_of_an_end_is_that_of_its_row_but_for_the_window() -> None:
    assert reason_of_end(ScheduledCallState.EXPIRED, "WINDOW_CLOSED") == "EXPIRED"
    assert reason_of_end(ScheduledCallState.SKIPPED, "SUPPRESSED") == "SUPPRESSED"
