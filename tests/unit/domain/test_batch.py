"""The decisions over a batch's life."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch import (
    BATCH_TRANSITIONS,
    COUNT_NAMES,
    ENDED_STATES,
    Batch,
    BatchCounts,
    BatchState,
)
from outdial_server.domain.batch_policies import ConfigErrorPolicy
from outdial_server.domain.batch_rules import (
    BatchChange,
    cancel,
    carrier_misconfigured,
    close_window,
    delete,
    edit,
    finish,
    first_state,
    open_window,
    pause,
    refuse_append_when_over,
    resume,
    start,
)
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.retry import retry
from outdial_server.domain.scheduled_call import ScheduledCallState
from support.clock import START
from support.domain import MOMENTS, a_batch

SECOND = timedelta(seconds=1)

Decide = Callable[[Batch, datetime], BatchChange | None]


def edit_window_start(batch: Batch, now: datetime) -> BatchChange | None:
    """Opens a window that is to come; gives one that is open a later start."""
    at = now + SECOND if batch.state is BatchState.RUNNING else now
    return edit(batch, replace(batch.settings, window_start=at, window_end=None), now)


def fail_misconfigured(batch: Batch, now: datetime) -> BatchChange | None:
    return carrier_misconfigured(batch, "BAD_CREDENTIALS", now)


def retry_rows(batch: Batch, now: datetime) -> BatchChange | None:
    return retry(batch, None, now)


ORDINARY: tuple[Decide, ...] = (
    start,
    pause,
    resume,
    cancel,
    delete,
    open_window,
    close_window,
    fail_misconfigured,
    finish,
    edit_window_start,
)
DECISIONS = (*ORDINARY, retry_rows)

COUNTS = st.builds(
    lambda **counts: BatchCounts(total=sum(counts.values()), **counts),
    waiting=st.integers(0, 2),
    in_progress=st.integers(0, 2),
    completed=st.integers(0, 2),
    expired=st.integers(0, 2),
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[datetime | None, datetime | None]:
    opens, closes = draw(st.none() | MOMENTS), draw(st.none() | MOMENTS)
    if opens is not None and closes is not None and closes <= opens:
        closes = opens + SECOND
    return opens, closes


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any batch that decisions can leave behind, and some that they cannot."""
    opens, closes = draw(windows())
    state = draw(st.sampled_from(BatchState))
    counts = draw(COUNTS)
    over = state is BatchState.COMPLETED or (state in ENDED_STATES and not counts.unfinished)
    settling = state in (BatchState.CANCELLED, BatchState.FAILED) and not over
    batch = a_batch(
        state,
        window_start=opens,
        window_end=closes,
        on_config_error=draw(st.sampled_from(ConfigErrorPolicy)),
        ended_at=START if over else None,
        settling_to=ScheduledCallState.CANCELLED if settling else None,
    )
    return replace(batch, counts=counts)


def decided(decide: Decide, batch: Batch, now: datetime) -> BatchChange | None:
    """The change, None too where the batch's state forbids it."""
    try:
        return decide(batch, now)
    except PreconditionError:
        return None


# --- all decisions -------------------------------------------------------------


@given(batches(), st.sampled_from(DECISIONS), MOMENTS)
def test_every_move_is_in_the_table(batch: Batch, decide: Decide, now: datetime) -> None:
    change = decided(decide, batch, now)
    if change is not None and change.batch.state is not batch.state:
        assert change.batch.state in BATCH_TRANSITIONS[batch.state]


@given(batches(), st.lists(st.sampled_from(ORDINARY), max_size=10), MOMENTS)
def test_only_a_retry_lets_a_batch_that_has_ended_start_again(
    batch: Batch, decisions: list[Decide], now: datetime
) -> None:
    for decide in decisions:
        change = decided(decide, batch, now)
        if change is not None:
            assert batch.state not in ENDED_STATES or change.batch.state is batch.state
            batch = change.batch
        now += SECOND


@given(batches(), st.sampled_from(DECISIONS), MOMENTS)
def test_a_decision_that_changes_a_batch_says_so_in_an_event(
    batch: Batch, decide: Decide, now: datetime
) -> None:
    change = decided(decide, batch, now)
    if change is not None:
        assert change.batch != batch
        assert change.batch.updated_at == now
        assert change.cause


@given(batches(), st.sampled_from(DECISIONS), MOMENTS)
def test_the_first_moment_of_running_is_kept(batch: Batch, decide: Decide, now: datetime) -> None:
    change = decided(decide, batch, now)
    if change is not None and change.batch.state is BatchState.RUNNING:
        again = decided(pause, change.batch, now + SECOND)
        assert again is not None
        resumed = resume(again.batch, now + 2 * SECOND)
        assert resumed is not None
        if batch.state is not BatchState.RUNNING:
            assert change.batch.started_at == now
            assert resumed.batch.started_at == now


def test_every_move_in_the_table_is_made_by_some_decision() -> None:
    counts = ({"waiting": 2}, {"completed": 2})
    starts = (None, START + SECOND)
    policies = ConfigErrorPolicy
    made = {
        (batch.state, change.batch.state)
        for batch in (
            a_batch(state, window_start=opens, on_config_error=policy, **rows)
            for state in BatchState
            for opens in starts
            for policy in policies
            for rows in counts
        )
        for decide in DECISIONS
        if (change := decided(decide, batch, START)) is not None
    }
    listed = {(state, to) for state, targets in BATCH_TRANSITIONS.items() for to in targets}
    assert {(before, to) for before, to in made if before is not to} == listed


def test_ended_states_lead_nowhere_but_a_completed_one_into_a_retry() -> None:
    final = {state for state, to in BATCH_TRANSITIONS.items() if not to}
    assert final == ENDED_STATES - {BatchState.COMPLETED}


# --- start, pause, resume ------------------------------------------------------


@pytest.mark.parametrize(
    ("opens", "state", "reason"),
    [
        (None, BatchState.RUNNING, ""),
        (START - SECOND, BatchState.RUNNING, ""),
        (START, BatchState.RUNNING, ""),
        (START + SECOND, BatchState.SCHEDULED, "WINDOW_NOT_OPEN"),
    ],
)
def test_a_batch_runs_from_the_moment_its_window_opens(
    opens: datetime | None, state: BatchState, reason: str
) -> None:
    assert first_state(draft=False, window_start=opens, now=START) == (state, reason)
    for batch, decide in (
        (a_batch(BatchState.DRAFT, waiting=1, window_start=opens), start),
        (a_batch(BatchState.PAUSED, waiting=1, window_start=opens), resume),
    ):
        change = decide(batch, START)
        assert change is not None
        assert (change.batch.state, change.batch.state_reason) == (state, reason)


def test_a_draft_stays_one_whatever_its_window() -> None:
    assert first_state(draft=True, window_start=START, now=START) == (BatchState.DRAFT, "")


def test_an_empty_draft_cannot_be_started() -> None:
    with pytest.raises(PreconditionError) as refused:
        start(a_batch(BatchState.DRAFT), START)
    assert refused.value.reason is Reason.BATCH_EMPTY


@pytest.mark.parametrize("ended_before", [timedelta(), SECOND])
def test_a_draft_whose_window_is_over_cannot_be_started(ended_before: timedelta) -> None:
    draft = a_batch(BatchState.DRAFT, waiting=1, window_end=START - ended_before)
    with pytest.raises(PreconditionError) as refused:
        start(draft, START)
    assert refused.value.reason is Reason.WINDOW_CLOSED
    assert start(draft, START - ended_before - SECOND).batch.state is BatchState.RUNNING


@pytest.mark.parametrize("state", set(BatchState) - {BatchState.DRAFT})
def test_only_a_draft_can_be_started(state: BatchState) -> None:
    with pytest.raises(PreconditionError) as refused:
        start(a_batch(state, waiting=1), START)
    assert refused.value.metadata["state"] == state.name


@pytest.mark.parametrize(
    ("decide", "states"),
    [
        (pause, {BatchState.PAUSED}),
        (resume, {BatchState.SCHEDULED, BatchState.RUNNING}),
        (cancel, {BatchState.CANCELLED}),
    ],
)
def test_asking_for_what_is_so_already_changes_nothing(
    decide: Decide, states: set[BatchState]
) -> None:
    for state in states:
        assert decide(a_batch(state, waiting=1), START) is None


@pytest.mark.parametrize(
    ("decide", "allowed"),
    [
        (pause, {BatchState.SCHEDULED, BatchState.RUNNING, BatchState.PAUSED}),
        (resume, {BatchState.SCHEDULED, BatchState.RUNNING, BatchState.PAUSED}),
        (cancel, set(BatchState) - {BatchState.COMPLETED, BatchState.FAILED}),
        (delete, set(BatchState)),
    ],
)
def test_a_request_that_does_not_fit_the_state_is_refused(
    decide: Decide, allowed: set[BatchState]
) -> None:
    for state in set(BatchState) - allowed:
        with pytest.raises(PreconditionError) as refused:
            decide(a_batch(state, waiting=1), START)
        assert refused.value.reason is Reason.BATCH_STATE
    for state in allowed:
        decide(a_batch(state, waiting=1), START)


# --- stopping ------------------------------------------------------------------


def test_a_cancelled_batch_settles_its_rows_and_ends_with_its_last_call() -> None:
    change = cancel(a_batch(waiting=2, in_progress=1), START)
    assert change is not None
    assert change.batch.settling_to is ScheduledCallState.CANCELLED
    assert change.batch.ended_at is None
    assert finish(change.batch, START) is None
    over = finish(replace(change.batch, counts=BatchCounts(total=3, cancelled=3)), START)
    assert over is not None
    assert (over.batch.state, over.batch.state_reason) == (BatchState.CANCELLED, "USER_REQUEST")
    assert over.batch.ended_at == START
    assert over.batch.settling_to is None


def test_deleting_cancels_what_has_not_ended_and_hides_it() -> None:
    change = delete(a_batch(waiting=1), START)
    assert (change.batch.state, change.batch.state_reason) == (BatchState.CANCELLED, "DELETED")
    assert change.batch.settling_to is ScheduledCallState.CANCELLED
    assert change.batch.deleted_at == START
    assert change.event is EventType.BATCH_DELETED


@pytest.mark.parametrize("state", ENDED_STATES)
def test_deleting_leaves_the_end_of_a_batch_as_it_was(state: BatchState) -> None:
    batch = a_batch(state, state_reason="WHY", ended_at=START)
    change = delete(batch, START + SECOND)
    assert (change.batch.state, change.batch.state_reason) == (state, "WHY")
    assert change.batch.settling_to is None
    assert change.batch.deleted_at == START + SECOND


@given(batches(), st.sets(st.sampled_from(BatchState), min_size=1), MOMENTS)
def test_a_batch_is_deleted_in_the_states_that_are_named_alone(
    batch: Batch, states: set[BatchState], now: datetime
) -> None:
    if batch.state in states:
        assert delete(batch, now, states) == delete(batch, now)
        return
    with pytest.raises(PreconditionError) as refused:
        delete(batch, now, states)
    assert refused.value.reason is Reason.BATCH_STATE
    assert refused.value.metadata["state"] == batch.state.name


@given(batches(), MOMENTS)
def test_a_batch_ends_exactly_when_nothing_of_it_is_unfinished(batch: Batch, now: datetime) -> None:
    change = finish(batch, now)
    open_ended = batch.ended_at is None and batch.state is not BatchState.DRAFT
    assert (change is not None) == (open_ended and batch.counts.unfinished == 0)
    if change is not None:
        assert change.event is EventType.BATCH_ENDED
        assert change.batch.state in ENDED_STATES
        assert change.batch.ended_at == now
        assert finish(change.batch, now) is None


@pytest.mark.parametrize(("expired", "reason"), [(0, "ALL_CALLS_ENDED"), (1, "WINDOW_CLOSED")])
def test_a_completed_batch_says_whether_its_window_closed_first(expired: int, reason: str) -> None:
    change = finish(a_batch(completed=3, expired=expired), START)
    assert change is not None
    assert (change.batch.state, change.batch.state_reason) == (BatchState.COMPLETED, reason)


# --- windows -------------------------------------------------------------------


@given(batches(), MOMENTS)
def test_a_window_opens_at_its_very_moment(batch: Batch, now: datetime) -> None:
    change = open_window(batch, now)
    opens = batch.settings.window_start
    due = batch.state is BatchState.SCHEDULED and (opens is None or opens <= now)
    assert (change is not None) == due
    if change is not None:
        assert change.batch.state is BatchState.RUNNING
        assert open_window(change.batch, now) is None


@given(batches(), MOMENTS)
def test_a_window_closes_at_its_very_moment_and_once(batch: Batch, now: datetime) -> None:
    change = close_window(batch, now)
    closes = batch.settings.window_end
    under_way = batch.state not in (ENDED_STATES | {BatchState.DRAFT})
    due = under_way and closes is not None and closes <= now and batch.counts.waiting > 0
    assert (change is not None) == due
    if change is not None:
        assert change.batch.settling_to is ScheduledCallState.EXPIRED
        assert change.batch.state is batch.state
        assert close_window(change.batch, now + SECOND) is None


@pytest.mark.parametrize("late", [timedelta(0), SECOND])
def test_nothing_is_added_once_the_window_has_closed(late: timedelta) -> None:
    batch = a_batch(waiting=1, window_end=START)
    refuse_append_when_over(batch, START - SECOND)
    with pytest.raises(PreconditionError):
        refuse_append_when_over(batch, START + late)


@pytest.mark.parametrize("state", ENDED_STATES)
def test_nothing_is_added_to_a_batch_that_has_ended(state: BatchState) -> None:
    with pytest.raises(PreconditionError):
        refuse_append_when_over(a_batch(state), START)


# --- editing -------------------------------------------------------------------


def test_an_edit_that_changes_nothing_is_none() -> None:
    batch = a_batch(waiting=1)
    assert edit(batch, replace(batch.settings), START) is None


@given(batches(), st.none() | MOMENTS, MOMENTS)
def test_moving_the_window_start_moves_a_batch_between_scheduled_and_running(
    batch: Batch, opens: datetime | None, now: datetime
) -> None:
    changed = replace(batch.settings, window_start=opens, display_name="Another name")
    if batch.state in ENDED_STATES:
        with pytest.raises(PreconditionError):
            edit(batch, changed, now)
        return
    change = edit(batch, changed, now)
    assert change is not None
    assert change.batch.revision == batch.revision + 1
    assert change.event is EventType.BATCH_UPDATED
    if batch.state in (BatchState.DRAFT, BatchState.PAUSED):
        assert change.batch.state is batch.state
    else:
        to_come = opens is not None and now < opens
        assert change.batch.state is (BatchState.SCHEDULED if to_come else BatchState.RUNNING)


def test_a_window_that_has_closed_cannot_be_opened_again() -> None:
    """Its rows are expiring; opened again some would be dialled meanwhile, by chance."""
    closed = close_window(a_batch(waiting=2, window_end=START), START)
    assert closed is not None
    later = replace(closed.batch.settings, window_end=START + timedelta(hours=1))
    with pytest.raises(PreconditionError) as refused:
        edit(closed.batch, later, START)
    assert refused.value.reason is Reason.BATCH_STATE


def test_a_new_name_leaves_the_reason_of_a_closed_window() -> None:
    closed = close_window(a_batch(waiting=2, window_end=START), START)
    assert closed is not None
    named = edit(closed.batch, replace(closed.batch.settings, display_name="Other"), START)
    assert named is not None
    assert named.batch.state_reason == "WINDOW_CLOSED"


# --- carriers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "state", "settling_to"),
    [
        (ConfigErrorPolicy.PAUSE, BatchState.PAUSED, None),
        (ConfigErrorPolicy.FAIL, BatchState.FAILED, ScheduledCallState.CANCELLED),
    ],
)
def test_a_misconfigured_carrier_stops_a_running_batch_with_the_reason(
    policy: ConfigErrorPolicy, state: BatchState, settling_to: ScheduledCallState | None
) -> None:
    change = carrier_misconfigured(a_batch(waiting=5, on_config_error=policy), "21215", START)
    assert change is not None
    assert change.batch.state is state
    assert change.batch.state_reason == "CARRIER_CONFIGURATION"
    assert change.batch.state_detail == "21215"
    assert change.batch.settling_to is settling_to


@pytest.mark.parametrize("state", set(BatchState) - {BatchState.RUNNING})
def test_a_second_fault_of_a_group_changes_nothing(state: BatchState) -> None:
    assert carrier_misconfigured(a_batch(state, waiting=5), "21215", START) is None


def test_counts_by_state_have_the_names_of_the_states() -> None:
    assert {state.name.lower() for state in ScheduledCallState} < set(COUNT_NAMES)
