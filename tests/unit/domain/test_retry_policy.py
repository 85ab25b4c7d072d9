"""Which people are tried again by themselves, when, and how often."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.report import ReportKind
from outdial_server.domain.retry_policy import (
    RETRYABLE_DISPOSITIONS,
    Backoff,
    FixedDelays,
    RetryPolicy,
    RetryRule,
    RetryTerms,
    Tries,
    attempt_cap,
    next_try,
)
from outdial_server.domain.transition import TELLS_THE_END, advance
from support.clock import START
from support.domain import a_call, report

BUSY, NO_ANSWER = Disposition.BUSY, Disposition.NO_ANSWER
MACHINE = Disposition.ANSWERED_MACHINE
MINUTE = timedelta(minutes=1)

DELAYS = st.integers(1, 30 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
DRAWS = st.floats(0, 1, exclude_max=True)
FIXED = st.lists(DELAYS, min_size=1, max_size=9).map(lambda delays: FixedDelays(tuple(delays)))


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    initial, cap = sorted((draw(DELAYS), draw(DELAYS)))
    multiplier, jitter = draw(st.floats(1, 10)), draw(st.floats(0, 1))
    return Backoff(initial, multiplier, cap, jitter)


POLICIES = st.builds(
    RetryPolicy,
    rules=st.lists(
        st.builds(RetryRule, st.sampled_from(RETRYABLE_DISPOSITIONS), FIXED | backoffs()),
        unique_by=lambda rule: rule.disposition,
        max_size=7,
    ).map(tuple),
    max_attempts=st.integers(1, limits.ATTEMPTS_MAX),
)
STORIES = st.lists(st.sampled_from(Disposition), max_size=14)


def lived(
    policy: RetryPolicy, story: list[Disposition], draw: float, window_end: datetime | None = None
) -> list[tuple[Disposition, datetime, datetime | None]]:
    """The tries of one person whose calls end like this one after the other, as long as the
    policy grants one: how each ended, when, and when the next is due."""
    now, earlier = START, Counter[Disposition]()
    tries = []
    for attempt, disposition in enumerate(story, 1):
        terms = RetryTerms(policy, Tries(attempt, dict(earlier)), window_end, draw)
        due = terms.grant(disposition, now)
        tries.append((disposition, now, due))
        if due is None:
            break
        earlier[disposition] += 1
        now = due
    return tries


@given(POLICIES, STORIES, DRAWS)
def test_the_budget_is_never_exceeded(
    policy: RetryPolicy, story: list[Disposition], draw: float
) -> None:
    assert len(lived(policy, story, draw)) <= policy.max_attempts


@given(POLICIES, STORIES, DRAWS)
def test_nobody_is_tried_again_without_a_rule_for_how_the_last_try_ended(
    policy: RetryPolicy, story: list[Disposition], draw: float
) -> None:
    ruled = {rule.disposition for rule in policy.rules}
    for disposition, _, due in lived(policy, story, draw):
        assert due is None or disposition in ruled
        assert due is None or disposition in RETRYABLE_DISPOSITIONS


@given(POLICIES, STORIES, DRAWS)
def test_no_try_comes_before_its_delay_nor_later_than_jitter_allows(
    policy: RetryPolicy, story: list[Disposition], draw: float
) -> None:
    earlier = Counter[Disposition]()
    for disposition, at, due in lived(policy, story, draw):
        if due is None:
            continue
        wait = policy.wait_after(disposition)
        if isinstance(wait, FixedDelays):
            assert due - at == wait.delays[earlier[disposition]]
        else:
            assert wait is not None
            grown = wait.initial.total_seconds() * wait.multiplier ** earlier[disposition]
            plain = timedelta(seconds=min(grown, wait.cap.total_seconds()))
            assert plain <= due - at <= plain * (1 + wait.jitter)
            assert wait.initial <= due - at <= wait.cap * (1 + wait.jitter)
        earlier[disposition] += 1


@given(POLICIES, STORIES, DRAWS, st.integers(0, 90 * 86_400))
def test_no_try_is_granted_at_or_after_the_end_of_the_window(
    policy: RetryPolicy, story: list[Disposition], draw: float, seconds: int
) -> None:
    end = START + timedelta(seconds=seconds)
    dues = [due for _, _, due in lived(policy, story, draw, end) if due is not None]
    assert all(due < end for due in dues)
    unbounded = [due for _, _, due in lived(policy, story, draw) if due is not None]
    assert dues == [due for due in unbounded if due < end], "and every earlier one is"


@given(POLICIES, st.sampled_from(RETRYABLE_DISPOSITIONS), DRAWS)
def test_a_rule_grants_what_it_says_while_there_is_budget(
    policy: RetryPolicy, disposition: Disposition, draw: float
) -> None:
    due = next_try(policy, disposition, Tries(), START, draw)
    granted = policy.wait_after(disposition) is not None and policy.max_attempts > 1
    assert (due is not None) == granted


def test_each_rule_counts_its_own_tries_and_the_budget_all() -> None:
    policy = RetryPolicy(
        (
            RetryRule(BUSY, FixedDelays((MINUTE,))),
            RetryRule(NO_ANSWER, FixedDelays((5 * MINUTE, 30 * MINUTE))),
        ),
        max_attempts=4,
    )
    story = [NO_ANSWER, BUSY, NO_ANSWER, BUSY]
    waits = [due - at for _, at, due in lived(policy, story, 0) if due is not None]
    assert waits == [5 * MINUTE, MINUTE, 30 * MINUTE]
    assert lived(policy, [BUSY, BUSY], 0)[-1][2] is None, "the delays of the rule are used up"


def test_a_backoff_grows_to_its_cap() -> None:
    backoff = Backoff(MINUTE, 3.0, 5 * MINUTE)
    assert [backoff.after(n, 0.5) for n in range(4)] == [
        MINUTE,
        3 * MINUTE,
        5 * MINUTE,
        5 * MINUTE,
    ]
    assert Backoff(MINUTE, 1.0, MINUTE, 0.5).after(0, 0.5) == timedelta(seconds=75)


def test_without_a_policy_there_is_one_try() -> None:
    assert attempt_cap(None) == 1
    assert attempt_cap(RetryPolicy((), 4)) == 4


EVERYTHING = RetryPolicy(
    tuple(RetryRule(d, FixedDelays((MINUTE,) * 9)) for d in RETRYABLE_DISPOSITIONS),
    limits.ATTEMPTS_MAX,
)
TERMS = RetryTerms(EVERYTHING, Tries(), None, 0.0)


@given(
    st.sampled_from(CallState),
    st.booleans(),
    st.sampled_from(ReportKind),
    st.sampled_from([None, *Disposition]),
)
def test_whoever_may_have_been_reached_is_never_tried_again_by_a_rule(
    state: CallState, answered: bool, kind: ReportKind, disposition: Disposition | None
) -> None:
    call = a_call(state, answered=answered or state is CallState.IN_PROGRESS, retry=TERMS)
    moved = advance(call, report(kind, disposition=disposition, fence=1), START)
    if moved is None or not moved.by_policy:
        return
    assert moved.disposition in RETRYABLE_DISPOSITIONS
    assert not call.answered or moved.disposition is MACHINE
    assert kind in TELLS_THE_END
    assert moved.final_state is None
    assert moved.due_at == START + MINUTE
    assert moved.state_reason == "RETRY_SCHEDULED"


@pytest.mark.parametrize(
    "kind",
    [
        ReportKind.NOT_PLACED,
        ReportKind.GIVE_UP,
        ReportKind.PRESUMED_ENDED,
        ReportKind.UNJOINED,
    ],
)
def test_of_an_unknown_call_the_unknown_policy_alone_decides(kind: ReportKind) -> None:
    moved = advance(a_call(CallState.UNKNOWN, retry=TERMS), report(kind), START)
    assert moved is not None
    assert moved.final_state is not None
    assert moved.due_at is None


def test_a_machine_that_answered_is_tried_again_if_a_rule_says_so() -> None:
    ended = report(ReportKind.ENDED, disposition=MACHINE, reason="VOICEMAIL")
    moved = advance(a_call(CallState.IN_PROGRESS, retry=TERMS), ended, START)
    assert moved is not None
    assert moved.by_policy
    assert (moved.reason, moved.state_reason) == ("VOICEMAIL", "RETRY_SCHEDULED")
    assert not moved.same_attempt
