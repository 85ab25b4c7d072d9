"""Calls in a carrier's queue: which may still ring, and what becomes of those taken back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.event import EventType
from outdial_server.domain.recall import RECALLED, may_ring, on_record
from outdial_server.domain.report import ReportKind
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.transition import advance
from support.domain import START, a_batch, a_call, report

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("state", BatchState)
def test_only_those_of_a_batch_that_runs_may_ring(state: BatchState) -> None:
    batch = replace(a_batch(), state=state)
    assert may_ring(batch, "UTC", START) == (state is BatchState.RUNNING)


def test_none_rings_outside_the_window_or_of_a_batch_that_is_deleted() -> None:
    batch = a_batch(window_start=START, window_end=START + HOUR)
    batch = replace(batch, state=BatchState.RUNNING)
    assert may_ring(batch, "UTC", START + HOUR - timedelta(microseconds=1))
    assert not may_ring(batch, "UTC", START + HOUR)
    assert not may_ring(replace(batch, deleted_at=START), "UTC", START)


def test_the_hours_are_those_of_the_person_s_own_zone() -> None:
    # START is 9:00 UTC: in Tokyo it is 18:00.
    hours = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)
    batch = replace(a_batch(calling_hours=hours), state=BatchState.RUNNING, has_other_zones=True)
    assert may_ring(batch, "UTC", START)
    assert not may_ring(batch, "Asia/Tokyo", START)


def test_a_call_that_was_taken_back_is_followed_by_another() -> None:
    call = a_call(state=CallState.ACCEPTED, carrier_call_id="CA1", is_recalled=True)
    cancelled = report(ReportKind.ENDED, disposition=Disposition.CANCELLED, rang=False)
    moved = advance(call, cancelled, START)
    assert moved is not None
    assert (moved.state, moved.event, moved.reason) == (
        CallState.ENDED,
        EventType.CALL_ENDED,
        RECALLED,
    )
    assert (moved.due_at, moved.final_state, moved.holds_slot) == (START, None, False)
    assert moved.unrung


def test_one_whose_phone_rang_as_it_was_cancelled_has_been_called() -> None:
    call = a_call(state=CallState.ACCEPTED, carrier_call_id="CA1", is_recalled=True)
    cancelled = report(ReportKind.ENDED, disposition=Disposition.CANCELLED, rang=True)
    moved = advance(call, cancelled, START)
    assert moved is not None
    assert (moved.final_state, moved.due_at, moved.unrung) == (
        ScheduledCallState.FAILED,
        None,
        False,
    )


def test_news_that_it_was_cancelled_leaves_open_whether_it_rang() -> None:
    call = a_call(state=CallState.ACCEPTED, carrier_call_id="CA1", is_recalled=True)
    cancelled = report(ReportKind.ENDED, disposition=Disposition.CANCELLED)
    assert advance(call, cancelled, START) is None
    assert advance(call, on_record(cancelled), START) is not None


@pytest.mark.parametrize("kind", ReportKind)
@pytest.mark.parametrize("rang", [True, False, None])
def test_a_record_that_does_not_say_is_one_of_a_call_that_rang(
    kind: ReportKind, rang: bool | None
) -> None:
    said = on_record(report(kind, rang=rang)).rang
    assert said is (True if kind is ReportKind.ENDED and rang is None else rang)


@pytest.mark.parametrize("state", [CallState.RINGING, CallState.IN_PROGRESS])
@pytest.mark.parametrize("disposition", [Disposition.CANCELLED, Disposition.ANSWERED_HUMAN])
def test_one_that_rang_meanwhile_has_been_called(
    state: CallState, disposition: Disposition
) -> None:
    call = a_call(state=state, carrier_call_id="CA1", is_recalled=True)
    moved = advance(call, report(ReportKind.ENDED, disposition=disposition), START)
    assert moved is not None
    assert moved.final_state is not None
    assert moved.due_at is None
    assert not moved.unrung


@pytest.mark.parametrize("disposition", [Disposition.NO_ANSWER, Disposition.ANSWERED_HUMAN, None])
def test_one_that_ended_otherwise_has_been_called(disposition: Disposition | None) -> None:
    call = a_call(state=CallState.ACCEPTED, carrier_call_id="CA1", is_recalled=True)
    moved = advance(call, report(ReportKind.ENDED, disposition=disposition), START)
    assert moved is not None
    assert moved.final_state is not None


def test_a_call_that_nobody_took_back_and_was_cancelled_is_over() -> None:
    call = a_call(state=CallState.ACCEPTED, carrier_call_id="CA1")
    moved = advance(call, report(ReportKind.ENDED, disposition=Disposition.CANCELLED), START)
    assert moved is not None
    assert moved.final_state is not None
