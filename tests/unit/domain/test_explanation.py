"""What the answers of gates come to."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.explanation import (
    STALLED_AFTER,
    Count,
    DiallingState,
    SharedOut,
    WaitingRows,
    rows_gate,
    server_gates,
    share_gate,
    verdict,
)
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.sentences import sentence
from support.clock import START

MINUTE = timedelta(minutes=1)

ROWS = WaitingRows(3, 0, Count(3), Count(0), 1, cut=False, next_due_at=None)
STATE = DiallingState(is_draining=False, last_claim_at=START, unsent=0, is_behind=False, now=START)


def blocked(minutes: int | None, waits_for: str = "") -> GateAnswer:
    at = None if minutes is None else START + minutes * MINUTE
    return GateAnswer("any", 0, "ANY", next_at=at, waits_for=waits_for)


def never_again(at: datetime) -> list[GateAnswer]:
    return []


OPEN = GateAnswer("open", None)


def test_nothing_in_the_way_is_said_so() -> None:
    assert verdict([OPEN, OPEN], never_again).blocking is None


@given(st.lists(st.integers(1, 99), min_size=1))
def test_the_latest_moment_counts_and_its_gate_is_named(minutes: list[int]) -> None:
    answers = [blocked(n) for n in minutes]
    told = verdict([OPEN, *answers], never_again)
    assert told.blocking is answers[minutes.index(max(minutes))]
    assert told.next_at == START + max(minutes) * MINUTE


BY_SOMEBODY = [blocked(None), blocked(None, "CONFIGURATION")]


@pytest.mark.parametrize("lasting", BY_SOMEBODY)
def test_what_somebody_must_change_is_named_before_what_passes(lasting: GateAnswer) -> None:
    answers = [blocked(None, "ANY_CALL_ENDS"), blocked(99), lasting, *BY_SOMEBODY]
    assert verdict(answers, never_again).blocking is lasting


def test_a_moment_is_named_before_an_event() -> None:
    moment = blocked(5)
    assert verdict([blocked(None, "ANY_CALL_ENDS"), moment], never_again).blocking is moment


def test_an_event_by_then_is_not_the_end_of_it() -> None:
    told = verdict([blocked(5)], lambda at: [blocked(None, "ANY_CALL_ENDS")])
    assert (told.next_at, told.too_late) == (None, None)
    told = verdict([blocked(5)], lambda at: [blocked(None, "ANY_CALL_ENDS"), blocked(None)])
    assert told.too_late == blocked(None)


@pytest.mark.parametrize("endless", [blocked(None), blocked(None, "ANY_CALL_ENDS")])
def test_an_event_has_no_moment(endless: GateAnswer) -> None:
    told = verdict([blocked(5), endless], never_again)
    assert (told.next_at, told.too_late) == (None, None)


def test_a_gate_that_is_closed_by_then_puts_it_off_further() -> None:
    def later(at: datetime) -> list[GateAnswer]:
        return [blocked(30)] if at < START + 30 * MINUTE else []

    assert verdict([blocked(5)], later).next_at == START + 30 * MINUTE


def test_a_window_that_is_closed_by_then_is_too_late() -> None:
    closed = GateAnswer("batch_window", 0, "WINDOW_CLOSED")
    told = verdict([blocked(5)], lambda at: [closed])
    assert (told.next_at, told.too_late) == (None, closed)


def test_gates_that_never_agree_come_to_an_end() -> None:
    told = verdict([blocked(5)], lambda at: [GateAnswer("any", 0, "ANY", next_at=at + MINUTE)])
    assert told.next_at is None


@pytest.mark.parametrize(
    ("rows", "live", "reason"),
    [
        (ROWS, 0, ""),
        (replace(ROWS, waiting=0, open=0), 1, "NOBODY_WAITS"),
        (replace(ROWS, open=0, cut=True), 0, "ROWS_BEING_PUT_OFF"),
        (replace(ROWS, open=0, due=Count(0), claimed=3), 0, "ALL_CLAIMED"),
        (replace(ROWS, open=0), 0, "ROWS_BEING_SKIPPED"),
        (replace(ROWS, open=0, next_due_at=START), 0, "ROWS_PUT_OFF"),
    ],
)
def test_who_waits_and_cannot_be_dialled_has_a_reason(
    rows: WaitingRows, live: int, reason: str
) -> None:
    answer = rows_gate(rows, live)
    assert answer.reason == reason
    assert answer.is_open == (not reason)
    assert bool(sentence(answer)) == (not answer.is_open)


@pytest.mark.parametrize(("is_asked", "is_open"), [(True, False), (False, True)])
def test_a_share_of_nothing_is_in_the_way_only_where_one_is_wanted(
    *, is_asked: bool, is_open: bool
) -> None:
    answer = share_gate(SharedOut(1, 9, 0, 4), is_asked=is_asked)
    assert answer.is_open == is_open
    assert answer.figures["held_by_others"] == 9


@pytest.mark.parametrize(
    ("state", "has_carrier", "reasons"),
    [
        (STATE, True, ["", "", ""]),
        (STATE, False, ["CARRIER_NOT_CONFIGURED", "", ""]),
        (replace(STATE, is_draining=True), True, ["", "SERVER_DRAINING", ""]),
        (replace(STATE, obstacle="DATABASE_FULL"), True, ["", "", "DATABASE_FULL"]),
        (replace(STATE, last_claim_at=None), True, ["", "", "NO_CLAIM_YET"]),
        (replace(STATE, is_behind=True), True, ["", "", "DIALLER_BEHIND"]),
        (replace(STATE, now=START + 2 * STALLED_AFTER), True, ["", "", "CLAIMS_STALLED"]),
    ],
)
def test_the_server_says_what_holds_it(
    state: DiallingState, has_carrier: bool, reasons: list[str]
) -> None:
    answers = server_gates(state, START, has_carrier=has_carrier)
    assert [answer.reason for answer in answers] == reasons
    assert all(bool(sentence(answer)) == (not answer.is_open) for answer in answers)


def test_a_gate_without_words_of_its_own_is_told_all_the_same() -> None:
    answer = GateAnswer("rate", 0, "RATE_USED_UP", {"used": 5, "cap": 5}, next_at=START)
    assert sentence(answer) == f"Rate used up until {START:%Y-%m-%d %H:%M:%S} UTC (used 5, cap 5)."
