"""The life of one call: two parties who never hear of each other, and who is told what when.

Pure: what happens comes in, what is to be done goes out. The call has two legs; one of them is
asked without SDP and makes the offer, which the other then answers (RFC 3725). The moment that
counts is the INVITE to the callee: before it nobody has been called, behind it somebody may
have been.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

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
    OnLeg,
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
from outdial_server.carriers.sip.outcomes import (
    agent_refusal,
    disposition_of,
    no_agent,
    refusal,
)
from outdial_server.carriers.sip.sdp import has_media, held_answer, offer_after_held
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.ports.carrier import Accepted, Refused, Unclear

JOIN_SECONDS: Final = 5.0
"""For the agent to answer. Whoever has picked up hears nothing meanwhile; and the agent that is
asked first leaves the callee's trunk as long again before the deadline of the request."""

_TRYING: Final = 100
_RINGS: Final = frozenset({180, 183})
"""With 183 whoever is called hears it ring as a sound; 181 and 182 say where the call is."""


class Phase(Enum):
    NEW = "new"
    # The agent is asked; nobody has been called.
    ASKING_AGENT = "asking_agent"
    CALLING = "calling"
    # Somebody has answered, and is being connected to the agent.
    JOINING = "joining"
    UP = "up"
    # The callee's leg is being cancelled: the phone rings until the other side says so.
    CANCELLING = "cancelling"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Terms:
    carrier_call_id: str
    ring_seconds: float
    max_seconds: float
    verdict_seconds: float
    agent_first: bool = False


@dataclass(frozen=True, slots=True)
class CallLife:
    terms: Terms
    phase: Phase = Phase.NEW
    is_judged: bool = False
    # The callee's side has answered anything at all: then it surely has the request.
    is_heard: bool = False
    is_ringing: bool = False
    # The callee has been invited: somebody may have been called.
    was_sent: bool = False
    # Of whoever was asked without SDP.
    offer: str = ""
    # How a call that is being cancelled ends.
    ending: Tell | None = None
    # A change of the session was passed on, and its answer has not come.
    has_proposal: bool = False


Step = tuple[CallLife, tuple[Action, ...]]


def step(life: CallLife, happening: Happening) -> Step:
    """The call after this, and what is to be done about it. What does not fit changes nothing:
    timers that run out too late, answers that crossed a BYE."""
    if life.phase is Phase.OVER:
        return life, ()
    match happening:
        case Placed():
            return _placed(life)
        case TimedOut(timer):
            return _timed_out(life, timer)
        case HungUp():
            return _hung_up(life)
        case _:
            return _on_leg(life, happening)


def _on_leg(life: CallLife, happening: OnLeg) -> Step:
    match happening:
        case Progressed(Side.CALLEE, code):
            return _progressed(life, code)
        case Answered(side, sdp):
            return _answered(life, side, sdp)
        case Failed(Side.CALLEE):
            return _callee_failed(life, happening)
        case Failed(Side.AGENT):
            return _agent_failed(life, happening)
        case Left(side) | Gone(side):
            return _left(life, side)
        case Proposed():
            return _proposed(life, happening)
        case Settled():
            return replace(life, has_proposal=False), ()
        case _:
            return life, ()


def _placed(life: CallLife) -> Step:
    verdict = Start(Timer.VERDICT, life.terms.verdict_seconds)
    if life.terms.agent_first:
        asking = replace(life, phase=Phase.ASKING_AGENT)
        return asking, (verdict, Start(Timer.JOIN, JOIN_SECONDS), Invite(Side.AGENT))
    calling, actions = _call(life, "")
    return calling, (verdict, *actions)


def _call(life: CallLife, offer: str) -> Step:
    ring = Start(Timer.RING, life.terms.ring_seconds)
    calling = replace(life, phase=Phase.CALLING, was_sent=True)
    return calling, (ring, Invite(Side.CALLEE, offer))


def _progressed(life: CallLife, code: int) -> Step:
    heard = replace(life, is_heard=True)
    if life.phase is not Phase.CALLING or code <= _TRYING:
        return heard, ()
    heard, judged = _accepted(heard)
    if life.is_ringing or code not in _RINGS:
        return heard, judged
    return replace(heard, is_ringing=True), (*judged, Tell(ReportKind.RINGING))


def _answered(life: CallLife, side: Side, sdp: str) -> Step:
    match life.phase, side:
        case Phase.ASKING_AGENT, Side.AGENT:
            return _agent_is_there(life, sdp)
        case Phase.CALLING, Side.CALLEE:
            return _picked_up(life, sdp)
        case Phase.JOINING, Side.AGENT:
            return _joined(life, sdp)
        case _:
            return life, ()


def _agent_is_there(life: CallLife, offer: str) -> Step:
    if not has_media(offer):
        result = Refused("AGENT_HAS_NO_MEDIA", Fault.CONFIGURATION)
        return _over(life, Judge(result), Drop(Side.AGENT))
    calling, actions = _call(replace(life, offer=offer), offer)
    # Nothing flows until somebody picks up, which may take longer than a 200 waits for its ACK.
    return calling, (Acknowledge(Side.AGENT, held_answer(offer)), *actions)


def _picked_up(life: CallLife, sdp: str) -> Step:
    life, judged = _accepted(replace(life, is_heard=True))
    told = (*judged, Tell(ReportKind.ANSWERED))
    joining = replace(life, phase=Phase.JOINING)
    if not has_media(sdp):
        return _unjoined(joining, "CALLEE_HAS_NO_MEDIA", *told)
    told = (*told, Start(Timer.JOIN, JOIN_SECONDS))
    if life.terms.agent_first:
        return joining, (*told, Reinvite(Side.AGENT, offer_after_held(sdp)))
    return replace(joining, offer=sdp), (*told, Invite(Side.AGENT, sdp))


def _joined(life: CallLife, answer: str) -> Step:
    up = replace(life, phase=Phase.UP)
    talk = Start(Timer.TALK, life.terms.max_seconds)
    if life.terms.agent_first:
        return up, (talk,)
    if not has_media(answer):
        return _unjoined(life, "AGENT_HAS_NO_MEDIA")
    return up, (Acknowledge(Side.CALLEE, answer), talk)


def _callee_failed(life: CallLife, failed: Failed) -> Step:
    life = replace(life, is_heard=life.is_heard or failed.is_answer)
    if life.phase is not Phase.CALLING:
        return _left(life, Side.CALLEE) if life.phase is Phase.CANCELLING else (life, ())
    if not life.is_judged:
        refused = refusal(failed.code, failed.phrase, failed.retry_after)
        if refused is not None:
            return _over(life, Judge(refused), Drop(Side.AGENT))
    end = _ended(disposition_of(failed.code), f"SIP_{failed.code}")
    return _over(life, *_end_as_heard(life, end), Drop(Side.AGENT))


def _end_as_heard(life: CallLife, end: Tell) -> tuple[Action, ...]:
    """Of a trunk that never said a word nobody knows what it did."""
    if life.is_heard:
        _, judged = _accepted(life)
        return (*judged, end)
    judged = () if life.is_judged else (Judge(Unclear(_SILENT_TRUNK)),)
    return (*judged, _ended(Disposition.UNKNOWN, _SILENT_TRUNK))


_SILENT_TRUNK: Final = "TRUNK_SILENT"


def _agent_failed(life: CallLife, failed: Failed) -> Step:
    if life.phase is Phase.ASKING_AGENT:
        return _over(life, Judge(agent_refusal(failed.code, failed.retry_after)))
    if life.phase is Phase.JOINING:
        return _unjoined(life, f"AGENT_SIP_{failed.code}")
    # In the middle of a talk it has refused a change of the session, no more.
    return life, ()


def _proposed(life: CallLife, proposed: Proposed) -> Step:
    """One at a time: where both sides want something at once, the later asks again (491)."""
    side = proposed.side
    if not proposed.needs_answer:
        return life, ((PassOn(side.other, proposed.what),) if life.phase is Phase.UP else ())
    if life.phase is not Phase.UP or life.has_proposal:
        return life, (Decline(side),)
    return replace(life, has_proposal=True), (PassOn(side.other, proposed.what),)


def _left(life: CallLife, side: Side) -> Step:
    match life.phase, side:
        case Phase.CANCELLING, Side.CALLEE:
            assert life.ending is not None  # noqa: S101 set with the phase
            return _over(life, *_end_as_heard(life, life.ending))
        case Phase.ASKING_AGENT, Side.AGENT:
            return _over(life, Judge(no_agent("AGENT_LEFT")))
        case Phase.CALLING, Side.AGENT if life.terms.agent_first:
            return _cancel(life, Disposition.FAILED, "AGENT_LEFT")
        case Phase.CALLING, Side.CALLEE:
            end = _ended(Disposition.FAILED, "TRUNK_LEFT")
            return _over(life, *_end_as_heard(life, end), Drop(Side.AGENT))
        case Phase.JOINING, _:
            return _unjoined(life, f"{side.name}_LEFT")
        case Phase.UP, _:
            return _talked(life, "")
        case _:
            return life, ()


def _timed_out(life: CallLife, timer: Timer) -> Step:
    match timer, life.phase:
        case Timer.VERDICT, Phase.ASKING_AGENT:
            return _over(life, Judge(_SILENT_AGENT), Drop(Side.AGENT))
        case Timer.VERDICT, _ if not life.is_judged:
            if life.is_heard:
                return _accepted(life)
            return replace(life, is_judged=True), (Judge(Unclear(_SILENT_TRUNK)),)
        case Timer.RING, Phase.CALLING:
            return _cancel(life, Disposition.NO_ANSWER, "RING_TIMEOUT")
        case Timer.JOIN, Phase.ASKING_AGENT:
            return _over(life, Judge(_SILENT_AGENT), Drop(Side.AGENT))
        case Timer.JOIN, Phase.JOINING:
            return _unjoined(life, "AGENT_SILENT")
        case Timer.TALK, Phase.UP:
            return _talked(life, "MAX_DURATION")
        case _:
            return life, ()


_SILENT_AGENT: Final = no_agent("AGENT_SILENT")


def _hung_up(life: CallLife) -> Step:
    match life.phase:
        case Phase.ASKING_AGENT:
            result = Refused("HUNG_UP", Fault.CALL, Disposition.CANCELLED)
            return _over(life, Judge(result), Drop(Side.AGENT))
        case Phase.CALLING:
            return _cancel(life, Disposition.CANCELLED, "HUNG_UP")
        case Phase.JOINING:
            # They were ended on request, like somebody who talks.
            return _let_go(life, _ended(Disposition.ANSWERED_HUMAN, "HUNG_UP"))
        case Phase.UP:
            return _talked(life, "HUNG_UP")
        case _:
            return life, ()


def _accepted(life: CallLife) -> Step:
    if life.is_judged:
        return life, ()
    return replace(life, is_judged=True), (Judge(Accepted(life.terms.carrier_call_id)),)


def _cancel(life: CallLife, disposition: Disposition, reason: str) -> Step:
    """The slot is held until the other side confirms, or is silent for good: until then the
    phone may ring."""
    cancelling = replace(life, phase=Phase.CANCELLING, ending=_ended(disposition, reason))
    return cancelling, (Drop(Side.CALLEE), Drop(Side.AGENT))


def _unjoined(life: CallLife, reason: str, *before: Action) -> Step:
    """Somebody picked up and was not connected."""
    return _let_go(life, _ended(Disposition.UNJOINED, reason), *before)


def _let_go(life: CallLife, end: Tell, *before: Action) -> Step:
    held: tuple[Action, ...] = ()
    if life.offer and not life.terms.agent_first:
        # A BYE must not overtake the ACK, which needs an answer to the callee's offer.
        held = (Acknowledge(Side.CALLEE, held_answer(life.offer)),)
    return _over(life, *before, *held, Drop(Side.CALLEE), Drop(Side.AGENT), end)


def _talked(life: CallLife, reason: str) -> Step:
    ended = _ended(Disposition.ANSWERED_HUMAN, reason)
    return _over(life, Drop(Side.CALLEE), Drop(Side.AGENT), ended)


def _ended(disposition: Disposition, reason: str) -> Tell:
    return Tell(ReportKind.ENDED, disposition, reason)


def _over(life: CallLife, *actions: Action) -> Step:
    return replace(life, phase=Phase.OVER, is_judged=True), actions
