"""Which rows are dialled next."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.claims import Candidate, dialing_rank, plan_claims, row_gates
from outdial_server.domain.limits import PRIORITY_MAX
from support.clock import START
from support.domain import MOMENTS

CANDIDATES = st.lists(
    st.builds(Candidate, key=st.integers(0), due_at=MOMENTS, attempts=st.integers(0, 3)),
    unique_by=lambda candidate: candidate.key,
    max_size=30,
)
BUDGETS = st.integers(-1, 35)


@given(CANDIDATES, BUDGETS)
def test_the_budget_is_kept_and_used_up(candidates: list[Candidate], budget: int) -> None:
    plan = plan_claims(candidates, budget, START)
    due = [c for c in candidates if c.due_at <= START]
    assert len(plan.claimed) == min(len(due), max(0, budget))


@given(CANDIDATES, BUDGETS)
def test_rows_are_taken_in_their_order_and_blocked_ones_cost_nothing(
    candidates: list[Candidate], budget: int
) -> None:
    plan = plan_claims(candidates, budget, START)
    due = [c for c in candidates if c.due_at <= START]
    assert list(plan.claimed) == due[: max(0, budget)]


@given(CANDIDATES, BUDGETS)
def test_a_blocked_row_is_put_off_to_the_latest_moment_of_its_gates(
    candidates: list[Candidate], budget: int
) -> None:
    plan = plan_claims(candidates, budget, START)
    for candidate, moment in plan.deferred:
        blocked = [a for a in row_gates(candidate, START) if not a.is_open]
        assert moment == max(a.next_at for a in blocked if a.next_at is not None)
        assert moment > START


@given(CANDIDATES, BUDGETS)
def test_no_row_is_both_taken_and_put_off_or_named_twice(
    candidates: list[Candidate], budget: int
) -> None:
    plan = plan_claims(candidates, budget, START)
    named = [c.key for c in plan.claimed] + [c.key for c, _ in plan.deferred]
    assert len(named) == len(set(named))
    assert set(named) <= {c.key for c in candidates}


def test_a_row_is_due_at_its_very_moment() -> None:
    at = Candidate(1, START, 0)
    behind = Candidate(2, START + timedelta(microseconds=1), 0)
    assert plan_claims([behind, at], 2, START).claimed == (at,)


def test_rows_rank_by_priority_and_then_by_whether_they_were_tried() -> None:
    in_order = [
        dialing_rank(priority, attempts)
        for priority in range(PRIORITY_MAX, -1, -1)
        for attempts in (1, 0)
    ]
    assert all(earlier < later for earlier, later in pairwise(in_order))
    assert dialing_rank(3, 1) == dialing_rank(3, 7)
