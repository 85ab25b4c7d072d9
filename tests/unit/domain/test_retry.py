"""Who may be dialled once more, and what becomes of the batch."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.batch_rules import close_window, finish
from outdial_server.domain.call import Disposition
from outdial_server.domain.errors import InvalidFieldsError, PreconditionError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.retry import (
    RETRYABLE_STATES,
    outcome_before_retry,
    retry,
    retry_selection,
)
from outdial_server.domain.scheduled_call import (
    FINAL_STATES,
    DispatchOutcome,
    ScheduledCallState,
)
from support.clock import START
from support.domain import a_batch

SECOND = timedelta(seconds=1)
FAILED, EXPIRED = ScheduledCallState.FAILED, ScheduledCallState.EXPIRED
DOUBTFUL = {Disposition.UNKNOWN, Disposition.PRESUMED_ENDED}

STATES = st.lists(st.sampled_from(sorted(RETRYABLE_STATES))).map(tuple)
DISPOSITIONS = st.lists(st.sampled_from(Disposition)).map(tuple)


def completed(**changes: object) -> Batch:
    over = {"state_reason": "ALL_CALLS_ENDED", "started_at": START, "ended_at": START}
    return a_batch(BatchState.COMPLETED, failed=2, **over | changes)


def closing(state: BatchState, detail: str = "") -> Batch:
    """A batch whose window has closed over rows that wait and a call that is alive."""
    batch = a_batch(state, waiting=1, in_progress=1, window_end=START, state_detail=detail)
    change = close_window(batch, START)
    assert change is not None
    return change.batch


# --- rows ----------------------------------------------------------------------


def test_failed_rows_are_meant_unless_others_are_named() -> None:
    chosen = retry_selection((), ())
    for state in ScheduledCallState:
        assert chosen.includes(state, Disposition.NO_ANSWER) == (state is FAILED)


@given(STATES, st.sampled_from(ScheduledCallState), st.none() | st.sampled_from(Disposition))
def test_who_may_have_been_reached_is_left_alone_unless_named(
    states: tuple[ScheduledCallState, ...],
    state: ScheduledCallState,
    disposition: Disposition | None,
) -> None:
    included = retry_selection(states, ()).includes(state, disposition)
    assert included == (state in (states or (FAILED,)) and disposition not in DOUBTFUL)


@given(DISPOSITIONS.filter(len), st.none() | st.sampled_from(Disposition))
def test_named_dispositions_are_exactly_those(
    dispositions: tuple[Disposition, ...], disposition: Disposition | None
) -> None:
    chosen = retry_selection((), dispositions)
    assert chosen.includes(FAILED, disposition) == (disposition in dispositions)


def test_rows_that_never_had_a_call_are_included_by_their_state() -> None:
    assert retry_selection((EXPIRED,), ()).includes(EXPIRED, None)
    assert not retry_selection((EXPIRED,), (Disposition.BUSY,)).includes(EXPIRED, None)


@pytest.mark.parametrize("state", set(ScheduledCallState) - RETRYABLE_STATES)
def test_a_state_that_is_no_end_or_a_rule_s_is_refused(state: ScheduledCallState) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        retry_selection((FAILED, state), ())
    assert refusal.value.violations[0].field == "states[1]"


def test_only_what_a_rule_refused_is_never_retried() -> None:
    assert {ScheduledCallState.SKIPPED} == FINAL_STATES - RETRYABLE_STATES


def test_a_refusal_is_open_again_and_an_acceptance_stays() -> None:
    none, accepted = DispatchOutcome.NONE, DispatchOutcome.ACCEPTED
    assert outcome_before_retry(DispatchOutcome.REFUSED) is none
    assert outcome_before_retry(none) is none
    assert outcome_before_retry(accepted) is accepted


# --- batches -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opens", "state", "reason"),
    [
        (None, BatchState.RUNNING, ""),
        (START, BatchState.RUNNING, ""),
        (START + SECOND, BatchState.SCHEDULED, "WINDOW_NOT_OPEN"),
    ],
)
def test_a_completed_batch_goes_on(opens: datetime | None, state: BatchState, reason: str) -> None:
    change = retry(completed(window_start=opens), None, START)
    assert change is not None
    assert (change.batch.state, change.batch.state_reason) == (state, reason)
    assert change.batch.ended_at is None
    assert (change.event, change.cause) == (EventType.BATCH_STATE_CHANGED, "USER_REQUEST")
    assert finish(replace(change.batch, counts=completed().counts), START) is not None


@pytest.mark.parametrize("state", [BatchState.SCHEDULED, BatchState.RUNNING, BatchState.PAUSED])
def test_a_batch_under_way_stays_as_it_is(state: BatchState) -> None:
    opens = START + SECOND if state is BatchState.SCHEDULED else None
    assert retry(a_batch(state, waiting=1, window_start=opens), None, START) is None


@pytest.mark.parametrize("state", [BatchState.DRAFT, BatchState.CANCELLED, BatchState.FAILED])
def test_what_was_stopped_or_not_started_is_refused(state: BatchState) -> None:
    with pytest.raises(PreconditionError) as refusal:
        retry(a_batch(state, failed=1), None, START)
    assert refusal.value.reason is Reason.BATCH_STATE


@pytest.mark.parametrize("batch", [completed(), a_batch(waiting=1)])
def test_a_window_that_is_over_needs_a_later_end(batch: Batch) -> None:
    batch = replace(batch, settings=replace(batch.settings, window_end=START))
    for same in (None, START):
        with pytest.raises(PreconditionError) as refusal:
            retry(batch, same, START)
        assert refusal.value.reason is Reason.WINDOW_CLOSED
    change = retry(batch, START + SECOND, START)
    assert change is not None
    assert change.batch.state is BatchState.RUNNING
    assert change.batch.settings.window_end == START + SECOND
    assert change.batch.revision == batch.revision + 1
    assert change.event is EventType.BATCH_UPDATED
    assert retry(change.batch, START + SECOND, START) is None, "asked again"


@pytest.mark.parametrize(
    ("present", "wanted"),
    [(None, START + SECOND), (START + 2 * SECOND, START + SECOND), (START - SECOND, START)],
)
def test_an_end_that_is_not_later_or_past_is_named(
    present: datetime | None, wanted: datetime
) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        retry(completed(window_end=present), wanted, START)
    assert refusal.value.violations[0].field == "window_end"


def test_a_window_that_has_just_closed_opens_for_what_still_waits() -> None:
    change = retry(closing(BatchState.RUNNING), START + SECOND, START)
    assert change is not None
    assert (change.batch.state, change.batch.state_reason) == (BatchState.RUNNING, "")
    assert change.batch.settling_to is None
    assert close_window(change.batch, START) is None
    assert close_window(change.batch, START + SECOND) is not None


@pytest.mark.parametrize(
    ("detail", "reason"), [("", "USER_REQUEST"), ("no credit", "CARRIER_CONFIGURATION")]
)
def test_a_paused_batch_says_again_why_it_is_paused(detail: str, reason: str) -> None:
    change = retry(closing(BatchState.PAUSED, detail), START + SECOND, START)
    assert change is not None
    assert (change.batch.state, change.batch.state_reason) == (BatchState.PAUSED, reason)
    assert change.batch.state_detail == detail
