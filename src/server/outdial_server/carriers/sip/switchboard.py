"""The calls of a worker: orders come in, answers and news go out, legs and timers are the
wire's."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from outdial_server.carriers.sip.dialog import (
    CallLife,
    Phase,
    Terms,
    step,
)
from outdial_server.carriers.sip.happenings import (
    Acknowledge,
    Action,
    Decline,
    Drop,
    Happening,
    HungUp,
    Invite,
    Judge,
    PassOn,
    Placed,
    Reinvite,
    Side,
    Start,
    Tell,
    TimedOut,
    Timer,
    ToLeg,
)
from outdial_server.carriers.sip.messages import (
    Message,
    Party,
    PlaceOrder,
    dial_result_to_json,
)
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.carrier import DialResult, NotSent, Refused, Unclear

ENDED_KEPT: Final = 10_000
"""Ended calls that can still be looked up: some 10 MB."""


class Leg(Protocol):
    """One SIP dialog of ours; what happens to it comes back as happenings."""

    def invite(self, sdp: str) -> None: ...

    def acknowledge(self, sdp: str) -> None: ...

    def reinvite(self, sdp: str) -> None: ...

    def pass_on(self, what: object, back: "Leg") -> None:
        """A proposal of `back`, which hears the answer."""
        ...

    def decline(self) -> None: ...

    def drop(self) -> None: ...


class Alarm(Protocol):
    def cancel(self) -> object: ...


class Wire(Protocol):
    @property
    def host_and_port(self) -> str:
        """Where we are, as far ends are told."""
        ...

    def can_reach(self, party: Party) -> bool:
        """Whether there is a way there at all; sends nothing."""
        ...

    def leg(
        self,
        side: Side,
        party: Party,
        sip_call_id: str,
        ring_seconds: float,
        happen: Callable[[Happening], None],
    ) -> Leg: ...

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Alarm: ...


@dataclass(slots=True, eq=False)
class _Call:
    order: PlaceOrder
    life: CallLife
    judge: Callable[[Message], None]
    legs: dict[Side, Leg] = field(default_factory=dict)
    alarms: dict[Timer, Alarm] = field(default_factory=dict)
    # The newest that was told of it.
    last: CallReport | None = None
    result: DialResult | None = None

    @property
    def may_come_again(self) -> bool:
        return isinstance(self.result, NotSent)

    @property
    def was_placed(self) -> bool:
        """Whether there is, or was, such a call at all."""
        return self.life.was_sent and not isinstance(self.result, NotSent | Refused)


class Switchboard:
    def __init__(
        self,
        wire: Wire,
        tell: Callable[[str, CallReport], None],
        on_idle: Callable[[], None] = lambda: None,
        ended_kept: int = ENDED_KEPT,
    ) -> None:
        """`tell` is given the carrier config and what is new of a call of it; `on_idle` is
        called whenever the last call has ended."""
        self._wire = wire
        self._tell = tell
        self._on_idle = on_idle
        self._ended_kept = ended_kept
        self._calls: dict[str, _Call] = {}
        self._ended: deque[_Call] = deque()
        self._live = 0
        self._placed = 0

    @property
    def live(self) -> int:
        return self._live

    def place(self, order: PlaceOrder, judge: Callable[[Message], None]) -> None:
        """`judge` is called once, with what is to be said of the request."""
        known = self._calls.get(order.call_id)
        if known is not None and not known.may_come_again:
            # The dialler sends a call again only when it was told that nothing had left.
            judge(dial_result_to_json(Unclear("ALREADY_PLACED")))
            return
        if not all(map(self._wire.can_reach, (order.callee, order.agent))):
            judge(dial_result_to_json(NotSent("CANNOT_REACH")))
            return
        self._placed += 1
        carrier_call_id = f"{order.call_id}.{self._placed}@{self._wire.host_and_port}"
        terms = Terms(
            carrier_call_id,
            order.ring_seconds,
            order.max_seconds,
            order.verdict_seconds,
            order.agent_first,
        )
        call = _Call(order, CallLife(terms), judge)
        self._calls[order.call_id] = call
        self._live += 1
        self._happen(call, Placed())

    def hang_up(self, call_id: str) -> bool:
        """False for a call that is not known here."""
        call = self._calls.get(call_id)
        if call is not None:
            self._happen(call, HungUp())
        return call is not None

    def hang_up_all(self) -> None:
        for call in list(self._calls.values()):
            self._happen(call, HungUp())

    def look_up(self, call_id: str) -> CallReport | None:
        """How a call stands; None for one that is not known here, or was turned away."""
        call = self._calls.get(call_id)
        if call is None or not call.was_placed:
            return None
        return call.last or _report(call, ReportKind.ACCEPTED)

    def _happen(self, call: _Call, happening: Happening) -> None:
        was_over = call.life.phase is Phase.OVER
        call.life, actions = step(call.life, happening)
        for action in actions:
            self._do(call, action)
        if call.life.phase is Phase.OVER and not was_over:
            self._close(call)

    def _do(self, call: _Call, action: Action) -> None:
        match action:
            case Start(timer, seconds):
                self._start(call, timer, seconds)
            case Judge(result):
                call.result = result
                call.judge(dial_result_to_json(result))
            case Tell(kind, disposition, reason):
                report = _report(call, kind)._replace(disposition=disposition, reason=reason)
                call.last = report
                self._tell(call.order.carrier_config, report)
            case _:
                self._do_to_leg(call, action)

    def _do_to_leg(self, call: _Call, action: ToLeg) -> None:
        match action:
            case Invite(side, sdp):
                self._leg(call, side).invite(sdp)
            case Acknowledge(side, sdp):
                call.legs[side].acknowledge(sdp)
            case Reinvite(side, sdp):
                call.legs[side].reinvite(sdp)
            case PassOn(side, what):
                call.legs[side].pass_on(what, call.legs[side.other])
            case Decline(side):
                call.legs[side].decline()
            case Drop(side):
                if side in call.legs:
                    call.legs[side].drop()

    def _leg(self, call: _Call, side: Side) -> Leg:
        order = call.order
        party = order.callee if side is Side.CALLEE else order.agent
        call_id = call.life.terms.carrier_call_id
        sip_call_id = call_id if side is Side.CALLEE else f"agent.{call_id}"
        leg = self._wire.leg(
            side,
            party,
            sip_call_id,
            order.ring_seconds,
            lambda happening: self._happen(call, happening),
        )
        call.legs[side] = leg
        return leg

    def _start(self, call: _Call, timer: Timer, seconds: float) -> None:
        before = call.alarms.pop(timer, None)
        if before is not None:
            before.cancel()
        call.alarms[timer] = self._wire.alarm(seconds, lambda: self._happen(call, TimedOut(timer)))

    def _close(self, call: _Call) -> None:
        for alarm in call.alarms.values():
            alarm.cancel()
        call.alarms.clear()
        call.legs.clear()
        self._live -= 1
        self._forget_oldest(call)
        if not self._live:
            self._on_idle()

    def _forget_oldest(self, ended: _Call) -> None:
        self._ended.append(ended)
        if len(self._ended) > self._ended_kept:
            oldest = self._ended.popleft()
            # Sent anew after it was turned away, the call is another one.
            if self._calls.get(oldest.order.call_id) is oldest:
                del self._calls[oldest.order.call_id]


def _report(call: _Call, kind: ReportKind) -> CallReport:
    return CallReport(CallId(call.order.call_id), kind, call.life.terms.carrier_call_id)
