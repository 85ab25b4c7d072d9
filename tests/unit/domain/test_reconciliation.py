"""What a look-up leads to."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.medium import Medium
from outdial_server.domain.reconciliation import Sighting, Silence, judge
from outdial_server.domain.report import ReportKind
from outdial_server.domain.silence import (
    NOT_FOUND_FINAL_AFTER,
    SILENCE_MARGIN,
    join_deadline,
    next_lookup_at,
    presumed_over,
    trusted_until,
)
from outdial_server.domain.transition import CALL_TRANSITIONS, advance
from support.clock import START
from support.domain import CALL, TIMES, a_call, after, report

LOOKED_UP = (CallState.ACCEPTED, CallState.RINGING, CallState.IN_PROGRESS, CallState.UNKNOWN)
OVER_AT = START + TIMES.ring_timeout + TIMES.max_duration + 2 * SILENCE_MARGIN

STATES = st.sampled_from(LOOKED_UP)
SIGHTINGS = st.sampled_from(Sighting)
ASKED = set(Sighting) - {Sighting.NOBODY_TO_ASK}
LATER = st.timedeltas(timedelta(0), timedelta(hours=1)).map(lambda wait: START + wait)


def silent(
    state: CallState, lookups: int = 0, policy: UnknownPolicy = UnknownPolicy.AT_MOST_ONCE
) -> Silence:
    return Silence(CALL, state, policy, TIMES, START, lookups)


@given(STATES, st.sampled_from(sorted(ASKED, key=str)), LATER, st.integers(0, 50))
def test_every_look_up_names_the_next_one(
    state: CallState, sighting: Sighting, now: datetime, lookups: int
) -> None:
    verdict = judge(silent(state, lookups), sighting, None, now)
    assert verdict.look_again_at == next_lookup_at(lookups, now) > now


@given(STATES, SIGHTINGS, LATER)
def test_whatever_is_concluded_moves_the_call(
    state: CallState, sighting: Sighting, now: datetime
) -> None:
    concluded = judge(silent(state), sighting, None, now).report
    assert concluded is None or concluded.kind in CALL_TRANSITIONS[state]


@given(STATES, LATER)
def test_a_call_that_was_found_is_as_the_carrier_says(state: CallState, now: datetime) -> None:
    seen = report(ReportKind.RINGING)
    assert judge(silent(state), Sighting.FOUND, seen, now).report is seen


@given(STATES, LATER, st.sampled_from([Sighting.NO_ANSWER, Sighting.FOUND]))
def test_no_answer_or_one_of_several_calls_proves_nothing_before_the_call_must_be_over(
    state: CallState, now: datetime, sighting: Sighting
) -> None:
    concluded = judge(silent(state), sighting, None, now).report
    assert (concluded is not None) == presumed_over(START, TIMES, now)
    assert concluded is None or concluded.kind is ReportKind.PRESUMED_ENDED


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (START, None),
        (START + NOT_FOUND_FINAL_AFTER - timedelta(microseconds=1), None),
        (START + NOT_FOUND_FINAL_AFTER, ReportKind.NOT_PLACED),
        (OVER_AT, ReportKind.NOT_PLACED),
    ],
)
def test_no_such_call_is_believed_of_an_unknown_call_once_the_request_must_have_arrived(
    now: datetime, kind: ReportKind | None
) -> None:
    concluded = judge(silent(CallState.UNKNOWN), Sighting.NO_SUCH_CALL, None, now).report
    assert (concluded.kind if concluded else None) is kind


def test_a_person_that_the_carrier_never_had_is_dialled_again_however_long_we_were_away() -> None:
    policy = UnknownPolicy.RECONCILED_RETRY
    call = silent(CallState.UNKNOWN, policy=policy)
    concluded = judge(call, Sighting.NO_SUCH_CALL, None, OVER_AT + timedelta(days=1)).report
    assert concluded is not None
    transition = advance(a_call(CallState.UNKNOWN, unknown_policy=policy), concluded, START)
    assert transition is not None
    assert transition.due_at is not None


def test_under_hold_only_the_slot_is_given_back() -> None:
    call = silent(CallState.UNKNOWN, policy=UnknownPolicy.HOLD)
    before = judge(call, Sighting.NO_SUCH_CALL, None, OVER_AT - timedelta(microseconds=1)).report
    assert before is not None
    assert before.kind is ReportKind.NOT_PLACED
    over = judge(call, Sighting.NO_SUCH_CALL, None, OVER_AT).report
    assert over is not None
    assert over.kind is ReportKind.PRESUMED_ENDED


@pytest.mark.parametrize("state", LOOKED_UP)
def test_a_carrier_whose_list_is_behind_proves_nothing(state: CallState) -> None:
    early = START + NOT_FOUND_FINAL_AFTER - timedelta(microseconds=1)
    assert judge(silent(state), Sighting.NO_SUCH_CALL, None, early).report is None


@pytest.mark.parametrize("state", set(LOOKED_UP) - {CallState.UNKNOWN})
def test_an_accepted_call_without_a_record_is_over_and_never_dialled_again(
    state: CallState,
) -> None:
    later = START + NOT_FOUND_FINAL_AFTER
    concluded = judge(silent(state), Sighting.NO_SUCH_CALL, None, later).report
    assert concluded is not None
    transition = advance(
        a_call(state, unknown_policy=UnknownPolicy.RECONCILED_RETRY), concluded, START
    )
    assert transition is not None
    assert transition.due_at is None
    assert transition.final_state is not None


@given(
    st.sampled_from(UnknownPolicy),
    st.lists(st.tuples(SIGHTINGS, st.timedeltas(timedelta(0), timedelta(minutes=5))), max_size=20),
    SIGHTINGS,
)
def test_an_unknown_call_gives_its_slot_back_in_the_end_under_every_policy(
    policy: UnknownPolicy, look_ups: list[tuple[Sighting, timedelta]], last: Sighting
) -> None:
    call, now = a_call(CallState.UNKNOWN, unknown_policy=policy), START
    for sighting, wait in [*look_ups, (last, timedelta(hours=2))]:
        now += wait
        concluded = judge(silent(CallState.UNKNOWN, policy=policy), sighting, None, now).report
        call = after(call, advance(call, concluded, now) if concluded else None)
    assert not call.holds_slot


# --- calls that somebody else sees to


@given(STATES, LATER, st.integers(0, 50))
def test_whom_nobody_can_be_asked_about_is_looked_at_when_the_time_is_over_and_not_before(
    state: CallState, now: datetime, lookups: int
) -> None:
    verdict = judge(silent(state, lookups), Sighting.NOBODY_TO_ASK, None, now)
    is_joined = state is CallState.IN_PROGRESS
    due_at = OVER_AT if is_joined else join_deadline(state, TIMES, START)
    assert verdict.look_again_at > now
    if now < due_at:
        assert (verdict.report, verdict.look_again_at) == (None, due_at)
        return
    assert verdict.report is not None
    expected = ReportKind.PRESUMED_ENDED if is_joined else ReportKind.UNJOINED
    assert verdict.report.kind is expected


@given(STATES, LATER)
def test_the_time_to_join_is_the_moment_until_which_silence_is_trusted(
    state: CallState, now: datetime
) -> None:
    trusted = trusted_until(state, TIMES, now, Medium.WEBHOOK)
    if state is CallState.IN_PROGRESS:
        assert trusted == trusted_until(state, TIMES, now)
    else:
        assert trusted == join_deadline(state, TIMES, now)


@pytest.mark.parametrize("policy", UnknownPolicy)
def test_a_call_that_may_not_have_been_taken_is_never_asked_for_again(
    policy: UnknownPolicy,
) -> None:
    call = a_call(CallState.UNKNOWN, unknown_policy=policy)
    moved = advance(call, report(ReportKind.UNJOINED), START)
    assert moved is not None
    assert (moved.due_at, moved.holds_slot) == (None, False)
    is_held = policy is UnknownPolicy.HOLD
    assert moved.disposition is (None if is_held else Disposition.UNKNOWN)
    assert (moved.final_state is None) == is_held


@pytest.mark.parametrize("state", [CallState.IN_PROGRESS, CallState.SENDING, CallState.ENDED])
def test_who_is_joined_or_over_cannot_become_unjoined(state: CallState) -> None:
    assert advance(a_call(state), report(ReportKind.UNJOINED), START) is None
