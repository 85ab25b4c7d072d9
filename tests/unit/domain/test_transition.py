"""Calls move forward, once, whatever is reported, how often and in what order."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch_policies import ConfigErrorPolicy, UnknownPolicy
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.report import CallReport, Evidence, Fault, ReportKind, in_order
from outdial_server.domain.scheduled_call import (
    FINAL_STATES,
    DispatchOutcome,
    ScheduledCallState,
)
from outdial_server.domain.transition import (
    CALL_TRANSITIONS,
    RETRY_NOT_SENT_AFTER,
    RETRY_NOT_SENT_MOST,
    CallFacts,
    Transition,
    advance,
    not_sent_wait,
)
from support.clock import START
from support.domain import CALLS, REPORTS, TIMES, a_call, after, report, sent_again

RANK = {
    CallState.CLAIMED: 0,
    CallState.SENDING: 1,
    CallState.UNKNOWN: 2,
    CallState.ACCEPTED: 3,
    CallState.RINGING: 4,
    CallState.IN_PROGRESS: 5,
    CallState.ENDED: 6,
}

# Reports by the carrier or a person, in the order of a life; None is the claimer and
# dialler sending a released call again.
STORIES = st.lists(st.none() | REPORTS, max_size=12)

Step = tuple[CallFacts, CallReport, Transition | None]


def told(call: CallFacts, story: list[CallReport | None]) -> Iterator[Step]:
    """Each report of a story with the call as it was before it."""
    for item in story:
        if item is None:
            call = sent_again(call) if call.state is CallState.CLAIMED else call
        else:
            transition = advance(call, item, START)
            yield call, item, transition
            call = after(call, transition)


def moves(call: CallFacts, story: list[CallReport | None]) -> list[tuple[CallFacts, Transition]]:
    return [(before, t) for before, _, t in told(call, story) if t is not None]


def end_of(call: CallFacts, reports: list[CallReport]) -> CallFacts:
    for item in reports:
        call = after(call, advance(call, item, START))
    return call


@given(CALLS, STORIES)
def test_every_move_is_in_the_table(call: CallFacts, story: list[CallReport | None]) -> None:
    for before, transition in moves(call, story):
        listed = {before.state, *CALL_TRANSITIONS[before.state].values()}
        assert transition.state in listed


def test_every_move_in_the_table_can_happen() -> None:
    for state, by_kind in CALL_TRANSITIONS.items():
        for kind, target in by_kind.items():
            call = a_call(state)
            transition = advance(call, report(kind, fence=call.fence), START)
            assert transition is not None
            assert transition.state is target


@given(CALLS, STORIES)
def test_a_call_only_moves_forward_unless_it_was_never_sent(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, transition in moves(call, story):
        if transition.state is CallState.CLAIMED:
            assert before.state in (CallState.SENDING, CallState.UNKNOWN)
        else:
            assert RANK[transition.state] >= RANK[before.state]


@pytest.mark.parametrize("kind", [ReportKind.NOT_SENT, ReportKind.REFUSED])
def test_only_the_holder_of_its_claim_can_say_that_an_unknown_call_was_not_placed(
    kind: ReportKind,
) -> None:
    call = a_call(CallState.UNKNOWN)
    assert advance(call, report(kind), START) is None
    assert advance(call, report(kind, fence=call.fence - 1), START) is None
    told = advance(call, report(kind, fence=call.fence), START)
    assert told is not None
    assert not told.holds_slot


@pytest.mark.parametrize("state", [CallState.ACCEPTED, CallState.RINGING, CallState.IN_PROGRESS])
def test_a_person_cannot_end_a_call_that_turned_out_to_be_alive(state: CallState) -> None:
    for kind in (ReportKind.PLACED, ReportKind.GIVE_UP, ReportKind.DIAL_AGAIN):
        assert advance(a_call(state), report(kind), START) is None


@given(CALLS, STORIES, REPORTS)
def test_an_ended_call_stays_as_it_ended(
    call: CallFacts, story: list[CallReport | None], late: CallReport
) -> None:
    for before, _, transition in told(call, story):
        ended = after(before, transition)
        if ended.state is CallState.ENDED:
            learnt = advance(ended, late, START)
            # The carrier's id may still be learnt; nothing else.
            assert learnt is None or learnt.event is None
            last = after(ended, learnt)
            assert last._replace(carrier_call_id=ended.carrier_call_id) == ended


@given(CALLS, STORIES)
def test_a_doubled_report_changes_nothing_the_second_time(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, item, transition in told(call, story):
        again = after(before, transition)
        if transition is not None and transition.state is not CallState.CLAIMED:
            assert advance(again, item, START) is None


@given(CALLS, REPORTS)
def test_a_report_under_another_fence_changes_nothing(call: CallFacts, item: CallReport) -> None:
    for state in CallState:
        assert advance(call._replace(state=state), item._replace(fence=99), START) is None


@given(CALLS, REPORTS)
def test_nothing_is_learnt_of_a_call_that_waits_to_be_sent(
    call: CallFacts, item: CallReport
) -> None:
    assert advance(call._replace(state=CallState.CLAIMED), item, START) is None


@given(CALLS, STORIES)
def test_a_slot_is_given_back_once_for_each_time_it_was_taken(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, transition in moves(call, story):
        assert before.holds_slot or not transition.holds_slot
        if transition.state in (CallState.ENDED, CallState.CLAIMED):
            assert not transition.holds_slot


@given(CALLS, STORIES)
def test_only_an_end_evidence_of_one_or_an_unsent_request_frees_the_slot(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, transition in moves(call, story):
        if before.holds_slot and not transition.holds_slot:
            presumed = transition.event is EventType.CALL_PRESUMED_ENDED
            assert transition.state in (CallState.ENDED, CallState.CLAIMED) or presumed


@given(CALLS, STORIES)
def test_a_scheduled_call_ends_or_waits_again_when_its_call_leaves_and_only_then(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, transition in moves(call, story):
        gone = transition.state in (CallState.ENDED, CallState.CLAIMED)
        leaves = gone and transition.state is not before.state
        settled = (transition.final_state is not None) + (transition.due_at is not None)
        assert settled == (1 if leaves else 0)
        if transition.final_state is not None:
            assert transition.final_state in FINAL_STATES
            assert transition.disposition is not None


@given(CALLS, STORIES)
def test_a_live_call_is_always_looked_at_again(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    """All but the one that waits for a person, and those whose trust is left as it was."""
    for _, transition in moves(call, story):
        live = transition.state not in (CallState.ENDED, CallState.CLAIMED)
        held = transition.event is EventType.CALL_PRESUMED_ENDED
        if live and transition.event is not None and not held:
            assert transition.trusted_until is not None
            assert transition.trusted_until > START


@given(CALLS, STORIES)
def test_a_call_that_was_dispatched_stays_dispatched(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, transition in moves(call, story):
        if before.dispatch_outcome is DispatchOutcome.ACCEPTED:
            assert transition.dispatch_outcome is DispatchOutcome.ACCEPTED


@given(CALLS, STORIES)
def test_the_first_carrier_id_is_kept(call: CallFacts, story: list[CallReport | None]) -> None:
    for before, transition in moves(call, story):
        if transition.state is not CallState.CLAIMED and before.carrier_call_id:
            assert transition.carrier_call_id == before.carrier_call_id


@given(CALLS, STORIES)
def test_hold_leaves_an_unknown_call_to_a_person_or_to_evidence(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    call = call._replace(unknown_policy=UnknownPolicy.HOLD)
    freed = 0
    for before, item, transition in told(call, story):
        if before.state is not CallState.UNKNOWN or transition is None:
            continue
        if item.kind in (ReportKind.NOT_PLACED, ReportKind.PRESUMED_ENDED):
            assert transition.state is CallState.UNKNOWN
            assert item.kind is ReportKind.PRESUMED_ENDED
            assert before.holds_slot
            freed += 1
    assert freed <= 1


def test_hold_gives_the_slot_back_once_the_call_can_no_longer_be_alive() -> None:
    held = a_call(CallState.UNKNOWN, unknown_policy=UnknownPolicy.HOLD)
    assert advance(held, report(ReportKind.NOT_PLACED), START) is None
    over = advance(held, report(ReportKind.PRESUMED_ENDED), START)
    assert over is not None
    assert (over.state, over.event) == (CallState.UNKNOWN, EventType.CALL_PRESUMED_ENDED)
    assert not over.holds_slot
    assert over.final_state is None
    assert over.due_at is None
    assert advance(after(held, over), report(ReportKind.PRESUMED_ENDED), START) is None
    given_up = advance(after(held, over), report(ReportKind.GIVE_UP), START)
    assert given_up is not None
    assert given_up.final_state is ScheduledCallState.FAILED


@given(CALLS, STORIES)
def test_at_most_once_dials_again_on_the_word_of_its_dialer_or_of_a_person_alone(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    call = call._replace(unknown_policy=UnknownPolicy.AT_MOST_ONCE)
    for before, item, transition in told(call, story):
        if transition is not None and transition.due_at is not None:
            # Whoever held the claim may say it late, after its lease made the call UNKNOWN.
            of_dialer = before.state is CallState.SENDING or item.fence == before.fence
            unsent = transition.same_attempt and of_dialer
            asked = before.state is CallState.UNKNOWN and item.kind is ReportKind.DIAL_AGAIN
            assert unsent or asked


@given(CALLS, STORIES)
def test_reconciled_retry_makes_a_new_attempt_only_when_nothing_was_placed(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    call = call._replace(unknown_policy=UnknownPolicy.RECONCILED_RETRY)
    for before, item, transition in told(call, story):
        if transition is None or transition.due_at is None or transition.same_attempt:
            continue
        assert before.state is CallState.UNKNOWN
        assert item.kind in (ReportKind.NOT_PLACED, ReportKind.DIAL_AGAIN)
        assert transition.state is CallState.ENDED


@pytest.mark.parametrize(
    ("policy", "tries_again"),
    [(UnknownPolicy.AT_MOST_ONCE, False), (UnknownPolicy.RECONCILED_RETRY, True)],
)
def test_a_call_that_was_never_placed_follows_the_policy(
    policy: UnknownPolicy, tries_again: bool
) -> None:
    unknown = a_call(CallState.UNKNOWN, unknown_policy=policy)
    transition = advance(unknown, report(ReportKind.NOT_PLACED), START)
    assert transition is not None
    assert transition.dispatch_outcome is DispatchOutcome.REFUSED
    assert transition.due_at == (START if tries_again else None)
    assert transition.final_state is (None if tries_again else ScheduledCallState.FAILED)


def test_a_configuration_fault_under_pause_costs_no_try() -> None:
    refused = report(ReportKind.REFUSED, fault=Fault.CONFIGURATION, reason="BAD_CREDENTIALS")
    paused = advance(a_call(on_config_error=ConfigErrorPolicy.PAUSE), refused, START)
    assert paused is not None
    assert (paused.state, paused.event) == (CallState.CLAIMED, EventType.CALL_NOT_SENT)
    assert paused.same_attempt
    assert paused.misconfigured
    assert paused.final_state is None


def test_a_configuration_fault_under_fail_ends_the_call() -> None:
    refused = report(ReportKind.REFUSED, fault=Fault.CONFIGURATION, reason="BAD_CREDENTIALS")
    failed = advance(a_call(on_config_error=ConfigErrorPolicy.FAIL), refused, START)
    assert failed is not None
    assert failed.state is CallState.ENDED
    assert failed.misconfigured
    assert failed.final_state is ScheduledCallState.FAILED
    assert failed.dispatch_outcome is DispatchOutcome.REFUSED


@given(CALLS, STORIES)
def test_only_a_configuration_fault_blames_the_configuration(
    call: CallFacts, story: list[CallReport | None]
) -> None:
    for before, item, transition in told(call, story):
        if transition is not None and transition.misconfigured:
            # The dialer may say it late, after its lease made the call UNKNOWN.
            late = before.state is CallState.UNKNOWN and item.fence == before.fence
            assert before.state is CallState.SENDING or late
            assert item.kind is ReportKind.REFUSED
            assert item.fault in {Fault.CONFIGURATION, Fault.CALLER_ID}
            assert item.fault is Fault.CONFIGURATION or not before.shows_number


@pytest.mark.parametrize(
    ("evidence", "wait_seconds"), [(Evidence.TOO_MUCH, 1), (Evidence.FAILS, 3600), (None, 3600)]
)
def test_a_call_waits_no_longer_where_its_whole_account_was_asked_to(
    evidence: Evidence | None, wait_seconds: int
) -> None:
    call = a_call(fence=7, is_paced=True)
    away = report(ReportKind.NOT_SENT, retry_after=timedelta(hours=1), evidence=evidence)
    transition = advance(call, away, START)
    assert transition is not None
    assert transition.due_at == START + timedelta(seconds=wait_seconds)


@given(st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=1)))
def test_a_call_turned_away_waits_as_long_as_the_carrier_asked(wait: timedelta | None) -> None:
    call = a_call(fence=1)
    transition = advance(call, report(ReportKind.NOT_SENT, retry_after=wait), START)
    assert transition is not None
    assert transition.due_at is not None
    assert transition.due_at == START + max(wait or RETRY_NOT_SENT_AFTER, RETRY_NOT_SENT_AFTER)


def test_a_call_turned_away_again_and_again_waits_longer_each_time() -> None:
    # A claim and its release move the fence by one each.
    waits = [not_sent_wait(fence).total_seconds() for fence in range(1, 21, 2)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits == sorted(waits)
    assert waits[-1] == RETRY_NOT_SENT_MOST.total_seconds()


# --- groups --------------------------------------------------------------------

# At most one report of each kind, each saying its own thing.
GROUPS = st.lists(REPORTS, max_size=8, unique_by=lambda item: item.kind)


@given(CALLS, st.sampled_from(CallState), GROUPS, st.randoms(use_true_random=False))
def test_a_group_has_one_outcome_in_whatever_order_it_gathered(
    call: CallFacts, state: CallState, group: list[CallReport], order: Random
) -> None:
    call = call._replace(state=state)
    shuffled = [*group, *group[:2]]
    order.shuffle(shuffled)
    assert end_of(call, in_order(shuffled)) == end_of(call, in_order(group))


@given(st.lists(REPORTS))
def test_sorting_a_group_loses_no_report(group: list[CallReport]) -> None:
    ordered = in_order(group)
    assert len(ordered) == len(group)
    assert all(item in group for item in ordered)
    assert in_order(ordered) == ordered


@pytest.mark.parametrize(
    ("state", "doubt", "evidence"),
    [
        *product(
            [CallState.UNKNOWN],
            [ReportKind.NOT_PLACED, ReportKind.DIAL_AGAIN],
            [ReportKind.ACCEPTED, ReportKind.RINGING, ReportKind.ANSWERED, ReportKind.ENDED],
        ),
        *product(
            [CallState.SENDING],
            [ReportKind.NOT_SENT],
            [ReportKind.ACCEPTED, ReportKind.RINGING, ReportKind.ANSWERED, ReportKind.ENDED],
        ),
    ],
)
def test_evidence_of_a_call_beats_whatever_would_dial_it_again(
    state: CallState, doubt: ReportKind, evidence: ReportKind
) -> None:
    """ "No such call" and the callback of that very call, in one group."""
    call = a_call(state, unknown_policy=UnknownPolicy.RECONCILED_RETRY)
    for group in ([report(doubt), report(evidence)], [report(evidence), report(doubt)]):
        for _, transition in moves(call, [*in_order(group)]):
            assert transition.due_at is None


def test_a_doubt_behind_an_answer_leaves_a_call_alone() -> None:
    group = [report(ReportKind.UNCLEAR), report(ReportKind.ANSWERED), report(ReportKind.RINGING)]
    assert end_of(a_call(), in_order(group)).state is CallState.IN_PROGRESS


# --- endings -------------------------------------------------------------------


@pytest.mark.parametrize("disposition", Disposition)
def test_a_person_or_a_machine_reached_completes_the_scheduled_call(
    disposition: Disposition,
) -> None:
    ended = report(ReportKind.ENDED, disposition=disposition)
    transition = advance(a_call(CallState.IN_PROGRESS), ended, START)
    assert transition is not None
    reached = disposition in (Disposition.ANSWERED_HUMAN, Disposition.ANSWERED_MACHINE)
    completed, failed = ScheduledCallState.COMPLETED, ScheduledCallState.FAILED
    assert transition.final_state is (completed if reached else failed)
    assert transition.disposition is disposition


@pytest.mark.parametrize(
    ("state", "disposition"),
    [
        (CallState.IN_PROGRESS, Disposition.ANSWERED_HUMAN),
        (CallState.RINGING, Disposition.FAILED),
        (CallState.SENDING, Disposition.FAILED),
    ],
)
def test_an_end_that_says_nothing_is_read_from_whether_somebody_answered(
    state: CallState, disposition: Disposition
) -> None:
    transition = advance(a_call(state), report(ReportKind.ENDED), START)
    assert transition is not None
    assert transition.disposition is disposition
    assert transition.dispatch_outcome is DispatchOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("state", "disposition"),
    [
        (CallState.ACCEPTED, Disposition.PRESUMED_ENDED),
        (CallState.IN_PROGRESS, Disposition.PRESUMED_ENDED),
        (CallState.UNKNOWN, Disposition.UNKNOWN),
    ],
)
def test_silence_for_too_long_is_an_ending_of_its_own(
    state: CallState, disposition: Disposition
) -> None:
    transition = advance(a_call(state), report(ReportKind.PRESUMED_ENDED), START)
    assert transition is not None
    assert (transition.event, transition.cause) == (EventType.CALL_PRESUMED_ENDED, "SILENCE")
    assert transition.disposition is disposition
    assert transition.final_state is ScheduledCallState.FAILED


@pytest.mark.parametrize("kind", [ReportKind.DIAL_AGAIN, ReportKind.GIVE_UP])
def test_a_person_s_word_is_named_as_the_cause(kind: ReportKind) -> None:
    transition = advance(a_call(CallState.UNKNOWN), report(kind), START)
    assert transition is not None
    assert transition.cause == "USER_REQUEST"


def test_an_answer_behind_the_first_callback_still_brings_the_carrier_s_id() -> None:
    ringing = a_call(CallState.RINGING)
    learnt = advance(ringing, report(ReportKind.ACCEPTED, carrier_call_id="CA1"), START)
    assert learnt is not None
    assert learnt.event is None
    assert learnt.carrier_call_id == "CA1"
    assert after(ringing, learnt) == ringing._replace(carrier_call_id="CA1")


def test_an_answered_call_is_trusted_for_as_long_as_it_may_last() -> None:
    transition = advance(a_call(CallState.RINGING), report(ReportKind.ANSWERED), START)
    assert transition is not None
    assert transition.trusted_until is not None
    assert transition.trusted_until > START + TIMES.max_duration


HUMAN, MACHINE = Disposition.ANSWERED_HUMAN, Disposition.ANSWERED_MACHINE


@pytest.mark.parametrize("state", [CallState.SENDING, CallState.RINGING, CallState.IN_PROGRESS])
@pytest.mark.parametrize("said", [None, HUMAN])
def test_a_machine_that_was_heard_while_the_call_went_on_is_how_it_ends(
    state: CallState, said: Disposition | None
) -> None:
    heard = advance(a_call(state), report(ReportKind.ANSWERED, disposition=MACHINE), START)
    assert heard is not None
    assert (heard.state, heard.disposition) == (CallState.IN_PROGRESS, MACHINE)
    assert (heard.event is None) == (state is CallState.IN_PROGRESS)
    going_on = after(a_call(state), heard)
    again = report(ReportKind.ANSWERED, disposition=MACHINE)
    assert advance(going_on, again, START) is None, "nothing new"
    ended = advance(going_on, report(ReportKind.ENDED, disposition=said), START)
    assert ended is not None
    assert ended.disposition is MACHINE


def test_a_machine_is_no_other_end_and_comes_too_late_behind_one() -> None:
    heard = report(ReportKind.ANSWERED, disposition=MACHINE)
    going_on = end_of(a_call(), [heard])
    failed = advance(going_on, report(ReportKind.ENDED, disposition=Disposition.FAILED), START)
    assert failed is not None
    assert failed.disposition is Disposition.FAILED
    assert advance(a_call(CallState.ENDED), heard, START) is None
