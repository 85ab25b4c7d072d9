"""Which rows are dialled next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.account import AccountRules
from outdial_server.domain.claims import (
    Candidate,
    ClaimPlan,
    RowGate,
    attempts_gate,
    dialing_rank,
    due_gate,
    plan_claims,
    row_gates,
)
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.limits import PRIORITY_MAX
from support.clock import START
from support.domain import MOMENTS, a_batch

CANDIDATES = st.lists(
    st.builds(Candidate, key=st.integers(0, 40), due_at=MOMENTS, attempts=st.integers(0, 3)),
    unique_by=lambda candidate: candidate.key,
    max_size=30,
)
BUDGETS = st.integers(-1, 35)


def opening_at(moment: datetime, *keys: int) -> RowGate:
    """A gate that blocks these rows until a moment."""

    def ask(candidate: Candidate, now: datetime) -> GateAnswer:
        if candidate.key not in keys or now >= moment:
            return GateAnswer("test", None)
        return GateAnswer("test", 0, "TOO_EARLY", next_at=moment)

    return ask


GATES = st.lists(
    st.builds(lambda moment, keys: opening_at(moment, *keys), MOMENTS, st.sets(st.integers(0, 30))),
    max_size=3,
).map(lambda others: (due_gate, *others))


def plan_due(candidates: Sequence[Candidate], budget: int) -> ClaimPlan:
    return plan_claims(candidates, budget, (due_gate,), START)


@given(CANDIDATES, BUDGETS)
def test_the_budget_is_kept_and_used_up(candidates: list[Candidate], budget: int) -> None:
    plan = plan_due(candidates, budget)
    due = [c for c in candidates if c.due_at <= START]
    assert len(plan.claimed) == min(len(due), max(0, budget))


@given(CANDIDATES, BUDGETS)
def test_rows_are_taken_in_their_order_and_blocked_ones_cost_nothing(
    candidates: list[Candidate], budget: int
) -> None:
    plan = plan_due(candidates, budget)
    due = [c for c in candidates if c.due_at <= START]
    assert list(plan.claimed) == due[: max(0, budget)]


@given(CANDIDATES, BUDGETS, GATES)
def test_a_blocked_row_is_put_off_to_the_latest_moment_of_its_gates(
    candidates: list[Candidate], budget: int, gates: tuple[RowGate, ...]
) -> None:
    plan = plan_claims(candidates, budget, gates, START)
    for candidate, moment in plan.deferred:
        blocked = [a for gate in gates if not (a := gate(candidate, START)).is_open]
        assert moment == max(a.next_at for a in blocked if a.next_at is not None)
        assert moment > START


@given(CANDIDATES, BUDGETS, GATES)
def test_whoever_is_taken_passes_every_gate(
    candidates: list[Candidate], budget: int, gates: tuple[RowGate, ...]
) -> None:
    plan = plan_claims(candidates, budget, gates, START)
    assert all(gate(c, START).is_open for c in plan.claimed for gate in gates)


@given(CANDIDATES, BUDGETS, GATES)
def test_no_row_is_both_taken_and_put_off_or_named_twice(
    candidates: list[Candidate], budget: int, gates: tuple[RowGate, ...]
) -> None:
    plan = plan_claims(candidates, budget, gates, START)
    named = [c.key for c in plan.claimed] + [c.key for c, _ in plan.deferred]
    assert len(named) == len(set(named))
    assert set(named) <= {c.key for c in candidates}


def test_a_row_blocked_by_two_gates_waits_for_the_later_one() -> None:
    soon, late = START + timedelta(minutes=1), START + timedelta(hours=1)
    blocked, free = Candidate(1, START, 0), Candidate(2, START, 0)
    gates = (due_gate, opening_at(late, 1), opening_at(soon, 1))
    plan = plan_claims([blocked, free], 1, gates, START)
    assert plan == ClaimPlan((free,), ((blocked, late),))


def test_a_batch_without_rules_asks_whether_a_row_is_due_and_its_try_still_granted() -> None:
    assert row_gates(a_batch(), AccountRules()) == (due_gate, attempts_gate(1))


@given(st.integers(1, 10), st.integers(0, 12), st.booleans())
def test_a_try_above_the_budget_is_skipped_if_the_policy_had_granted_it(
    cap: int, attempts: int, by_policy: bool
) -> None:
    row = Candidate(1, START, attempts, by_policy=by_policy)
    plan = plan_claims([row], 1, (due_gate, attempts_gate(cap)), START)
    above = by_policy and attempts >= cap
    assert plan == (ClaimPlan(skipped=((row, "NO_ATTEMPT_LEFT"),)) if above else ClaimPlan((row,)))


def test_a_row_without_a_try_left_costs_nothing_and_is_not_put_off() -> None:
    late = START + timedelta(hours=1)
    spent, free = Candidate(1, START, 3, by_policy=True), Candidate(2, START, 0)
    gates = (due_gate, opening_at(late, 1), attempts_gate(2))
    assert plan_claims([spent, free], 1, gates, START) == ClaimPlan(
        (free,), (), ((spent, "NO_ATTEMPT_LEFT"),)
    )


def test_a_row_is_due_at_its_very_moment() -> None:
    at = Candidate(1, START, 0)
    behind = Candidate(2, START + timedelta(microseconds=1), 0)
    assert plan_due([behind, at], 2).claimed == (at,)


def test_rows_rank_by_priority_and_then_by_whether_they_were_tried() -> None:
    in_order = [
        dialing_rank(priority, attempts)
        for priority in range(PRIORITY_MAX, -1, -1)
        for attempts in (1, 0)
    ]
    assert all(earlier < later for earlier, later in pairwise(in_order))
    assert dialing_rank(3, 1) == dialing_rank(3, 7)
