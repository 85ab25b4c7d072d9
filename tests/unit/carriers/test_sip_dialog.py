"""The life of a SIP call, as pure decisions."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.carriers.sip.dialog import (
    CallLife,
    Phase,
    Terms,
    step,
)
from outdial_server.carriers.sip.happenings import (
    Acknowledge,
    Action,
    Answered,
    Decline,
    Drop,
    Failed,
    Gone,
    Happening,
    HungUp,
    Invite,
    Judge,
    Left,
    PassOn,
    Placed,
    Progressed,
    Proposed,
    Reinvite,
    Settled,
    Side,
    Start,
    Tell,
    TimedOut,
    Timer,
)
from outdial_server.carriers.sip.sdp import held_answer, offer_after_held
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Refused, Unclear

CALLEE, AGENT = Side.CALLEE, Side.AGENT
PHONE_SDP = "v=0\r\no=phone 1 1 IN IP4 10.0.0.1\r\nm=audio 42000 RTP/AVP 0\r\n"
AGENT_SDP = "v=0\r\no=agent 1 1 IN IP4 10.0.0.2\r\nm=audio 43000 RTP/AVP 0\r\n"
TERMS = Terms("ours.1@here", ring_seconds=30, max_seconds=600, verdict_seconds=9.5)
TAKEN = Judge(Accepted("ours.1@here"))
RINGING = Tell(ReportKind.RINGING)
ANSWERED = Tell(ReportKind.ANSWERED)


class Played:
    """A call, and what was done about it in the last step and in all."""

    def __init__(self, *happenings: Happening, agent_first: bool = False) -> None:
        self.life = CallLife(replace(TERMS, agent_first=agent_first))
        self.last: tuple[Action, ...] = ()
        self.all: list[Action] = []
        self.play(Placed(), *happenings)

    def play(self, *happenings: Happening) -> "Played":
        for happening in happenings:
            self.life, self.last = step(self.life, happening)
            self.all += self.last
        return self

    @property
    def result(self) -> DialResult | None:
        found = [action.result for action in self.all if isinstance(action, Judge)]
        return found[0] if found else None

    @property
    def end(self) -> Tell | None:
        ends = [a for a in self.all if isinstance(a, Tell) and a.kind is ReportKind.ENDED]
        return ends[0] if ends else None


def ended(disposition: Disposition, reason: str = "") -> Tell:
    return Tell(ReportKind.ENDED, disposition, reason)


RINGS = Progressed(CALLEE, 180)
PICKS_UP = Answered(CALLEE, PHONE_SDP)
AGENT_JOINS = Answered(AGENT, AGENT_SDP)


def test_the_callee_makes_the_offer_and_the_agent_answers_it() -> None:
    call = Played()
    assert call.last == (Start(Timer.VERDICT, 9.5), Start(Timer.RING, 30), Invite(CALLEE))
    assert call.play(Progressed(CALLEE, 100)).last == ()
    assert call.play(RINGS).last == (TAKEN, RINGING)
    assert call.play(RINGS).last == ()
    assert call.play(PICKS_UP).last == (ANSWERED, Start(Timer.JOIN, 5), Invite(AGENT, PHONE_SDP))
    assert call.play(AGENT_JOINS).last == (Acknowledge(CALLEE, AGENT_SDP), Start(Timer.TALK, 600))
    assert call.play(Left(CALLEE)).last == (
        Drop(CALLEE),
        Drop(AGENT),
        ended(Disposition.ANSWERED_HUMAN),
    )


def test_an_agent_that_is_first_is_held_until_somebody_picks_up() -> None:
    call = Played(agent_first=True)
    assert call.last == (Start(Timer.VERDICT, 9.5), Start(Timer.JOIN, 5), Invite(AGENT))
    assert not call.life.was_sent
    assert call.play(AGENT_JOINS).last == (
        Acknowledge(AGENT, held_answer(AGENT_SDP)),
        Start(Timer.RING, 30),
        Invite(CALLEE, AGENT_SDP),
    )
    assert call.life.was_sent
    call.play(RINGS)
    assert call.play(PICKS_UP).last == (
        ANSWERED,
        Start(Timer.JOIN, 5),
        Reinvite(AGENT, offer_after_held(PHONE_SDP)),
    )
    assert call.play(AGENT_JOINS).last == (Start(Timer.TALK, 600),)
    assert call.play(Left(AGENT)).end == ended(Disposition.ANSWERED_HUMAN)


@pytest.mark.parametrize(
    ("code", "disposition"),
    [
        (486, Disposition.BUSY),
        (600, Disposition.BUSY),
        (408, Disposition.NO_ANSWER),
        (480, Disposition.NO_ANSWER),
        (487, Disposition.NO_ANSWER),
        (603, Disposition.REJECTED),
        (607, Disposition.REJECTED),
        (608, Disposition.REJECTED),
        (302, Disposition.FAILED),
        (500, Disposition.FAILED),
        (502, Disposition.FAILED),
        (504, Disposition.FAILED),
    ],
)
def test_a_call_that_came_to_nothing_was_taken_all_the_same(
    code: int, disposition: Disposition
) -> None:
    for happenings in ((), (RINGS,)):
        call = Played(*happenings, Failed(CALLEE, code))
        assert call.result == TAKEN.result
        assert call.end == ended(disposition, f"SIP_{code}")


@pytest.mark.parametrize(
    ("failed", "result"),
    [
        *(
            (Failed(CALLEE, code), Refused(f"SIP_{code}", Fault.CALL, Disposition.INVALID_NUMBER))
            for code in (404, 410, 484, 604)
        ),
        *(
            (Failed(CALLEE, code), Refused(f"SIP_{code}", Fault.CONFIGURATION))
            for code in (401, 403, 405, 407, 415, 420, 488)
        ),
        (Failed(CALLEE, 503), NotSent("THROTTLED")),
        (
            Failed(CALLEE, 503, retry_after=timedelta(seconds=7)),
            NotSent("THROTTLED", timedelta(seconds=7)),
        ),
        (Failed(CALLEE, 403, "User channel limit exceeded D1"), NotSent("THROTTLED")),
    ],
)
def test_what_is_turned_away_before_it_rings_never_was_a_call(
    failed: Failed, result: DialResult
) -> None:
    for agent_first, before in ((False, ()), (True, (AGENT_JOINS,))):
        call = Played(*before, failed, agent_first=agent_first)
        assert (call.result, call.end) == (result, None)
        assert Drop(AGENT) in call.last
    rung = Played(RINGS, failed)
    assert rung.result == TAKEN.result
    assert rung.end is not None


def test_a_trunk_that_is_silent_leaves_the_call_unclear() -> None:
    call = Played(TimedOut(Timer.VERDICT))
    assert call.last == (Judge(Unclear("TRUNK_SILENT")),)
    assert call.play(RINGS).last == (RINGING,)
    silent = Played(TimedOut(Timer.VERDICT), Failed(CALLEE, 408, is_answer=False))
    assert silent.end == ended(Disposition.UNKNOWN, "TRUNK_SILENT")


def test_a_trunk_that_tries_has_the_call() -> None:
    call = Played(Progressed(CALLEE, 100), TimedOut(Timer.VERDICT))
    assert call.last == (TAKEN,)
    assert call.play(Failed(CALLEE, 408, is_answer=False)).end == ended(
        Disposition.NO_ANSWER, "SIP_408"
    )


@pytest.mark.parametrize(
    ("happening", "disposition", "reason"),
    [
        (TimedOut(Timer.RING), Disposition.NO_ANSWER, "RING_TIMEOUT"),
        (HungUp(), Disposition.CANCELLED, "HUNG_UP"),
    ],
)
def test_a_cancelled_call_is_over_when_the_other_side_says_so(
    happening: Happening, disposition: Disposition, reason: str
) -> None:
    call = Played(RINGS, happening)
    assert call.last == (Drop(CALLEE), Drop(AGENT))
    assert call.end is None
    # It crossed the CANCEL; the leg itself says goodbye.
    assert call.play(PICKS_UP).last == ()
    assert call.play(Gone(CALLEE)).last == (ended(disposition, reason),)


def test_a_call_that_is_cancelled_before_a_word_came_is_taken_once_one_comes() -> None:
    call = Played(HungUp(), Progressed(CALLEE, 180), Gone(CALLEE))
    assert call.result == TAKEN.result
    assert call.end == ended(Disposition.CANCELLED, "HUNG_UP")
    assert Played(HungUp(), Gone(CALLEE)).end == ended(Disposition.UNKNOWN, "TRUNK_SILENT")


@pytest.mark.parametrize(
    ("happening", "reason"),
    [
        (Failed(AGENT, 486), "AGENT_SIP_486"),
        (Left(AGENT), "AGENT_LEFT"),
        (Left(CALLEE), "CALLEE_LEFT"),
        (TimedOut(Timer.JOIN), "AGENT_SILENT"),
        (Answered(AGENT, ""), "AGENT_HAS_NO_MEDIA"),
    ],
)
def test_whoever_picked_up_and_met_nobody_is_unjoined(happening: Happening, reason: str) -> None:
    call = Played(RINGS, PICKS_UP, happening)
    # The ACK before the BYE: it owes the callee's offer an answer.
    assert call.last == (
        Acknowledge(CALLEE, held_answer(PHONE_SDP)),
        Drop(CALLEE),
        Drop(AGENT),
        ended(Disposition.UNJOINED, reason),
    )


def test_hanging_up_on_whoever_picked_up_is_the_end_of_a_talk() -> None:
    call = Played(RINGS, PICKS_UP, HungUp())
    assert call.last == (
        Acknowledge(CALLEE, held_answer(PHONE_SDP)),
        Drop(CALLEE),
        Drop(AGENT),
        ended(Disposition.ANSWERED_HUMAN, "HUNG_UP"),
    )


@pytest.mark.parametrize("agent_first", [False, True])
def test_a_200_without_sdp_connects_nobody(agent_first: bool) -> None:
    before = (AGENT_JOINS,) if agent_first else ()
    call = Played(*before, RINGS, Answered(CALLEE, ""), agent_first=agent_first)
    assert call.end == ended(Disposition.UNJOINED, "CALLEE_HAS_NO_MEDIA")


@pytest.mark.parametrize(
    ("happening", "result"),
    [
        (
            Failed(AGENT, 486),
            NotSent("AGENT_SIP_486", timedelta(seconds=5), tells_of_carrier=False),
        ),
        (Failed(AGENT, 404), Refused("AGENT_SIP_404", Fault.CONFIGURATION)),
        (
            TimedOut(Timer.JOIN),
            NotSent("AGENT_SILENT", timedelta(seconds=5), tells_of_carrier=False),
        ),
        (
            TimedOut(Timer.VERDICT),
            NotSent("AGENT_SILENT", timedelta(seconds=5), tells_of_carrier=False),
        ),
        (Left(AGENT), NotSent("AGENT_LEFT", timedelta(seconds=5), tells_of_carrier=False)),
        (Answered(AGENT, ""), Refused("AGENT_HAS_NO_MEDIA", Fault.CONFIGURATION)),
        (HungUp(), Refused("HUNG_UP", Fault.CALL, Disposition.CANCELLED)),
    ],
)
def test_without_an_agent_nobody_is_called(happening: Happening, result: DialResult) -> None:
    call = Played(happening, agent_first=True)
    assert call.result == result
    assert call.life.phase is Phase.OVER
    assert not call.life.was_sent
    assert Invite(CALLEE) not in call.all


def test_an_agent_that_leaves_while_it_rings_ends_the_ringing() -> None:
    call = Played(AGENT_JOINS, RINGS, Left(AGENT), agent_first=True)
    assert call.last == (Drop(CALLEE), Drop(AGENT))
    assert call.play(Gone(CALLEE)).end == ended(Disposition.FAILED, "AGENT_LEFT")


@pytest.mark.parametrize(
    ("happening", "reason"),
    [(TimedOut(Timer.TALK), "MAX_DURATION"), (HungUp(), "HUNG_UP"), (Left(AGENT), "")],
)
def test_a_talk_ends_for_both(happening: Happening, reason: str) -> None:
    call = Played(RINGS, PICKS_UP, AGENT_JOINS, happening)
    assert call.last == (Drop(CALLEE), Drop(AGENT), ended(Disposition.ANSWERED_HUMAN, reason))


def test_changes_of_the_session_go_to_the_other_side_of_a_talk_one_at_a_time() -> None:
    asked = Proposed(CALLEE, "hold")
    assert Played(RINGS, PICKS_UP, asked).last == (Decline(CALLEE),)
    call = Played(RINGS, PICKS_UP, AGENT_JOINS, asked)
    assert call.last == (PassOn(AGENT, "hold"),)
    assert call.play(Proposed(AGENT, "codec")).last == (Decline(AGENT),)
    assert call.play(Settled(), Proposed(AGENT, "codec")).last == (PassOn(CALLEE, "codec"),)


def test_what_needs_no_answer_is_passed_on_in_a_talk_and_dropped_before() -> None:
    digit = Proposed(CALLEE, "5", needs_answer=False)
    assert Played(RINGS, PICKS_UP, digit).last == ()
    call = Played(RINGS, PICKS_UP, AGENT_JOINS, Proposed(AGENT, "hold"), digit)
    assert call.last == (PassOn(AGENT, "5"),)


SIDES = st.sampled_from(Side)
HAPPENINGS = st.one_of(
    st.builds(Progressed, SIDES, st.sampled_from((100, 180, 183, 199))),
    st.builds(Answered, SIDES, st.sampled_from(("", PHONE_SDP, AGENT_SDP))),
    st.builds(
        Failed,
        SIDES,
        st.sampled_from((302, 401, 403, 404, 408, 480, 486, 487, 500, 503, 603)),
        is_answer=st.booleans(),
    ),
    st.builds(Left, SIDES),
    st.builds(Gone, SIDES),
    st.builds(TimedOut, st.sampled_from(Timer)),
    st.builds(Proposed, SIDES, st.just("hold"), st.booleans()),
    st.just(Settled()),
    st.just(HungUp()),
)


@given(st.booleans(), st.lists(HAPPENINGS, max_size=12))
def test_whatever_happens_one_call_is_made_judged_once_and_ended_once(
    agent_first: bool, happenings: list[Happening]
) -> None:
    call = Played(*happenings, agent_first=agent_first)
    invited = [one for one in call.all if isinstance(one, Invite) and one.side is CALLEE]
    judged = [one for one in call.all if isinstance(one, Judge)]
    told = [one.kind for one in call.all if isinstance(one, Tell)]
    assert len(invited) == call.life.was_sent
    assert len(judged) <= 1
    # Nobody hears of a call before its request was judged, or of one that was turned away.
    assert not told or judged
    assert told == sorted(told)
    assert len(told) == len(set(told))
    # The deadline and the end of every leg come in the end, and then it is over.
    call.play(TimedOut(Timer.VERDICT), HungUp(), Gone(CALLEE), Gone(AGENT))
    assert call.life.phase is Phase.OVER
    turned_away = isinstance(call.result, NotSent | Refused)
    assert call.result is not None
    assert (call.end is None) == turned_away
    assert call.life.was_sent or turned_away
    # Over is over.
    assert call.play(*happenings).last == ()
