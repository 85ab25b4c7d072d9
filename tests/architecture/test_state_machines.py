"""docs/state-machines.md shows what the code does: every diagram and every table of it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from outdial_server.domain.batch import BATCH_TRANSITIONS, ENDED_STATES
from outdial_server.domain.batch_policies import ConfigErrorPolicy, UnknownPolicy
from outdial_server.domain.batch_rules import SETTLED_REASON, first_state
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.domain.retry import RETRYABLE_STATES
from outdial_server.domain.retry_policy import (
    RETRYABLE_DISPOSITIONS,
    Backoff,
    RetryPolicy,
    RetryRule,
    RetryTerms,
    Tries,
)
from outdial_server.domain.scheduled_call import (
    FINAL_STATES,
    ScheduledCallState,
    state_while_open,
)
from outdial_server.domain.transition import CALL_TRANSITIONS, advance, final_state
from support.clock import START
from support.domain import a_call, report

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "state-machines.md"

OUTSIDE: Final = "[*]"
ARROW: Final = re.compile(r"^ +(\S+) --> (\S+)(?: : (.+))?$", re.MULTILINE)
TABLE_ROW: Final = re.compile(r"^\| (\(new\)|[A-Z_]+) \| ([A-Z_]+) \| (.+) \|$", re.MULTILINE)

Moves = set[tuple[str, str]]

THE_DIALLER_S_COMMIT: Final = (CallState.CLAIMED.name, CallState.SENDING.name)


def section(title: str) -> str:
    _, _, rest = PAGE.read_text().partition(f"\n## {title}\n")
    assert rest, f"the page has no section {title}"
    return rest.partition("\n## ")[0]


def drawn(title: str) -> dict[tuple[str, str], frozenset[str]]:
    """The arrows of a section's diagram, with their labels."""
    _, _, diagram = section(title).partition("```mermaid\nstateDiagram-v2\n")
    diagram = diagram.partition("```")[0]
    arrows = ARROW.findall(diagram)
    assert len(arrows) == len(diagram.splitlines()), "a line of the diagram is no arrow"
    labels = {
        (start, end): frozenset(filter(None, label.split(", "))) for start, end, label in arrows
    }
    assert len(labels) == len(arrows), "an arrow is drawn twice"
    return labels


def between_states(title: str) -> Moves:
    return {move for move in drawn(title) if OUTSIDE not in move}


def beginnings(title: str) -> set[str]:
    return {end for start, end in drawn(title) if start == OUTSIDE}


def ends(title: str) -> set[str]:
    return {start for start, end in drawn(title) if end == OUTSIDE}


@pytest.mark.parametrize("title", ["Batch", "Call", "Scheduled call"])
def test_every_arrow_has_its_sentence(title: str) -> None:
    rows = TABLE_ROW.findall(section(title))
    told = [(OUTSIDE if start == "(new)" else start, end) for start, end, _ in rows]
    assert len(told) == len(set(told))
    assert set(told) == {move for move in drawn(title) if move[1] != OUTSIDE}
    assert all(sentence.endswith(".") for *_, sentence in rows)


# --- batch ---------------------------------------------------------------------


def test_batch_moves_are_those_of_the_code() -> None:
    listed = {
        (state.name, to.name) for state, targets in BATCH_TRANSITIONS.items() for to in targets
    }
    assert between_states("Batch") == listed


def test_batches_begin_and_end_as_in_the_code() -> None:
    windows = (None, START.replace(year=START.year + 1))
    first = {
        first_state(draft=draft, window_start=opens, now=START)[0].name
        for draft, opens in product((True, False), windows)
    }
    assert beginnings("Batch") == first
    assert ends("Batch") == {state.name for state in ENDED_STATES}


# --- call ----------------------------------------------------------------------


def call_moves(
    table: Mapping[CallState, Mapping[ReportKind, CallState]],
) -> Mapping[tuple[str, str], frozenset[str]]:
    moves: dict[tuple[str, str], frozenset[str]] = {THE_DIALLER_S_COMMIT: frozenset()}
    for state, by_kind in table.items():
        for kind, to in by_kind.items():
            move = (state.name, to.name)
            moves[move] = moves.get(move, frozenset()) | {kind.name}
    return moves


def test_call_moves_and_their_reports_are_those_of_the_code() -> None:
    arrows = {move: kinds for move, kinds in drawn("Call").items() if OUTSIDE not in move}
    assert arrows == call_moves(CALL_TRANSITIONS)


def test_calls_begin_with_a_claim_and_end_where_nothing_follows() -> None:
    assert beginnings("Call") == {CallState.CLAIMED.name}
    assert ends("Call") == {CallState.ENDED.name}
    assert not CALL_TRANSITIONS[CallState.ENDED]


# --- scheduled call ------------------------------------------------------------


ALL_IS_RETRIED = RetryTerms(
    RetryPolicy(tuple(RetryRule(d, Backoff(timedelta(minutes=1))) for d in RETRYABLE_DISPOSITIONS)),
    Tries(),
    None,
    0.0,
)


def moves_by_reports() -> Moves:
    """What reports do to a scheduled call, whatever the call, the report and the policy."""
    moves: Moves = set()
    for state, kind, disposition, fault, unknown, config, retry in product(
        CallState,
        ReportKind,
        [None, *Disposition],
        Fault,
        UnknownPolicy,
        ConfigErrorPolicy,
        [None, ALL_IS_RETRIED],
    ):
        call = a_call(state, unknown_policy=unknown, on_config_error=config, retry=retry)
        transition = advance(call, report(kind, disposition=disposition, fault=fault), START)
        if transition is not None and transition.event is not None:
            after = transition.final_state or state_while_open(transition.state)
            moves.add((state_while_open(state).name, after.name))
    return {(before, after) for before, after in moves if before != after}


def moves_without_a_call() -> Moves:
    """SENDING, retries, rules that skip, and what settles rows that wait: those of stopped
    and closed batches, a row cancelled by hand, which ends as a cancelled batch's do, and one
    whose try is taken back."""
    sending = (state_while_open(None).name, state_while_open(CallState.SENDING).name)
    waiting = ScheduledCallState.WAITING.name
    settled = {(waiting, state.name) for state in SETTLED_REASON}
    skipped = {(waiting, ScheduledCallState.SKIPPED.name)}
    taken_back = {(waiting, final_state(disposition).name) for disposition in Disposition}
    retried = {(state.name, waiting) for state in RETRYABLE_STATES}
    return {sending} | settled | skipped | taken_back | retried


def test_scheduled_call_moves_are_those_that_calls_and_settling_bring() -> None:
    assert between_states("Scheduled call") == moves_by_reports() | moves_without_a_call()


def test_scheduled_calls_begin_waiting_and_end_in_a_final_state() -> None:
    assert beginnings("Scheduled call") == {state_while_open(None).name}
    assert ends("Scheduled call") == {state.name for state in FINAL_STATES}


def test_the_page_says_how_a_scheduled_call_is_read_from_its_call() -> None:
    waiting, dialing = ScheduledCallState.WAITING, ScheduledCallState.DIALING
    by_state = {
        seen: [state.name for state in CallState if state_while_open(state) is seen]
        for seen in (waiting, dialing, ScheduledCallState.IN_PROGRESS)
    }
    assert by_state == {
        waiting: ["CLAIMED", "ENDED"],
        dialing: ["SENDING", "ACCEPTED", "RINGING", "UNKNOWN"],
        ScheduledCallState.IN_PROGRESS: ["IN_PROGRESS"],
    }
    text = " ".join(section("Scheduled call").split())
    assert "none, CLAIMED and ENDED are WAITING" in text
    assert "SENDING, ACCEPTED, RINGING and UNKNOWN are DIALING" in text
