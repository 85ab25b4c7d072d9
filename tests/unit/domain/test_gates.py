"""Scope gates and the budget that they make."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch import BatchState
from outdial_server.domain.gates import (
    ANY_CALL_ENDS,
    SLOT_GATE_NAMES,
    GateAnswer,
    ScopeFacts,
    agent_gate,
    batch_state_gate,
    budget,
    daily_cap_gate,
    scope_gates,
    slot_gate,
    window_gate,
)
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from support.clock import START
from support.domain import MOMENTS, a_batch

ANSWERS = st.builds(GateAnswer, gate=st.just("any"), budget=st.none() | st.integers(0, 1000))

SLOT_ROWS = st.builds(
    SlotRow,
    scope=st.builds(SlotScope, st.sampled_from(ScopeKind), st.integers(1, 3)),
    target_cap=st.none() | st.integers(0, 50),
    hard_cap=st.none(),
    used=st.integers(0, 60),
)


@given(st.lists(ANSWERS), st.integers(0, 500))
def test_the_budget_is_the_narrowest_gate_and_never_more_than_asked(
    answers: list[GateAnswer], most: int
) -> None:
    given_out = budget(answers, most)
    limits = [a.budget for a in answers if a.budget is not None]
    assert given_out <= most
    assert all(given_out <= limit for limit in limits)
    assert given_out in [most, *limits]


@given(st.lists(ANSWERS), ANSWERS, st.integers(0, 500))
def test_one_more_gate_never_lets_more_through(
    answers: list[GateAnswer], another: GateAnswer, most: int
) -> None:
    assert budget([*answers, another], most) <= budget(answers, most)


def test_a_batch_of_an_inactive_agent_waits_until_it_is_active() -> None:
    answer = agent_gate(a_batch(agent_active=False))
    assert (answer.budget, answer.reason) == (0, "AGENT_INACTIVE")
    assert (answer.next_at, answer.waits_for) == (None, "")
    assert agent_gate(a_batch()).is_open


@pytest.mark.parametrize("state", BatchState)
def test_only_a_running_batch_is_dialled(state: BatchState) -> None:
    answer = batch_state_gate(a_batch(state, window_start=START))
    assert answer.is_open == (state is BatchState.RUNNING)
    assert answer.reason == ("" if answer.is_open else f"BATCH_{state.name}")
    assert answer.next_at == (START if state is BatchState.SCHEDULED else None)


@given(st.none() | MOMENTS, st.none() | MOMENTS, MOMENTS)
def test_the_window_holds_its_start_and_not_its_end(
    opens: datetime | None, closes: datetime | None, now: datetime
) -> None:
    answer = window_gate(a_batch(window_start=opens, window_end=closes), now)
    inside = (opens is None or opens <= now) and (closes is None or now < closes)
    assert answer.is_open == inside
    if answer.reason == "WINDOW_NOT_OPEN":
        assert answer.next_at == opens
    elif answer.reason == "WINDOW_CLOSED":
        assert (answer.next_at, answer.waits_for) == (None, "")


@given(SLOT_ROWS)
def test_a_scope_lets_through_what_it_has_free_and_waits_for_a_call_to_end(row: SlotRow) -> None:
    answer = slot_gate(row)
    assert answer.gate in SLOT_GATE_NAMES
    assert answer.figures["used"] == row.used
    if row.target_cap is None:
        assert answer.budget is None
    else:
        assert answer.figures["cap"] == row.target_cap
        assert answer.budget == max(0, row.target_cap - row.used)
    assert answer.waits_for == ("" if answer.is_open else ANY_CALL_ENDS)


@given(st.lists(SLOT_ROWS, max_size=4), MOMENTS, st.integers(0, 500))
def test_all_gates_together_never_exceed_a_single_scope(
    rows: list[SlotRow], now: datetime, most: int
) -> None:
    answers = scope_gates(ScopeFacts(a_batch(window_start=START), rows), now)
    given_out = budget(answers, most)
    assert all(row.free is None or given_out <= row.free for row in rows)
    assert now >= START or given_out == 0
    assert [a.gate for a in answers[:2]] == ["batch_state", "batch_window"]


# A Monday, 09:00 UTC; 22:00 in Auckland.
@pytest.mark.parametrize(
    ("zone", "counted", "used", "next_at"),
    [
        ("UTC", "2026-03-02", 3, datetime(2026, 3, 3, tzinfo=UTC)),
        ("Pacific/Auckland", "2026-03-02", 4, datetime(2026, 3, 2, 11, tzinfo=UTC)),
        ("UTC", "2026-03-02", 2, None),
        ("UTC", "2026-03-01", 3, None),
    ],
)
def test_a_daily_cap_is_open_until_it_is_used_up_and_again_at_midnight(
    zone: str, counted: str, used: int, next_at: datetime | None
) -> None:
    day = date.fromisoformat(counted)
    batch = a_batch(
        time_zone=zone, max_calls_per_day=3, dial_day=day.toordinal(), dials_on_day=used
    )
    answer = daily_cap_gate(batch, START)
    today = used if day == date(2026, 3, 2) else 0
    assert answer.figures == {"used": today, "cap": 3}
    assert answer.next_at == next_at
    assert answer.is_open == (next_at is None)
    assert answer.budget == max(0, 3 - today)
    if next_at is not None:
        assert daily_cap_gate(batch, next_at).is_open
        assert not daily_cap_gate(batch, next_at - timedelta(microseconds=1)).is_open
