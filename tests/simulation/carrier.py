"""The far end: a carrier that keeps its own record of what really rang, and what a server is
told of it, which is another thing."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final, Protocol

import orjson

from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.ports.carrier import (
    THROTTLED,
    Accepted,
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    Found,
    LookUpFailed,
    LookUpResult,
    NoSuchCall,
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)
from simulation.chance import Dice, short

NAME: Final = "simulated"

ARRIVES_MOST_SECONDS: Final = 9.0
"""A request that leaves is at the carrier by then, or never."""

LAG_MOST_SECONDS: Final = 15.0
"""So far can the carrier's list be behind its phones. With a late arrival that is still less
than what a server waits before it believes that there is no such call."""


class Answer(Enum):
    """What becomes of a request, and what the server hears."""

    # Nothing is placed, and the server knows.
    NO_CONNECTION = "no connection"
    TURNED_AWAY = "turned away"
    REFUSED = "refused"
    UNAUTHORIZED = "unauthorized"
    # Nothing is placed, and the server does not know.
    FAILED = "failed with nothing placed"
    CUT = "cut with nothing placed"
    SWALLOWED = "swallowed"
    # Placed.
    TAKEN = "taken"
    TAKEN_LATE = "taken late"
    FAILED_PLACED = "failed, yet placed"
    CUT_PLACED = "cut, yet placed"
    SILENT_PLACED = "no answer, yet placed"

    @property
    def is_placed(self) -> bool:
        return self in _PLACED

    @property
    def leaves(self) -> bool:
        return self is not Answer.NO_CONNECTION


_PLACED: Final = {
    Answer.TAKEN,
    Answer.TAKEN_LATE,
    Answer.FAILED_PLACED,
    Answer.CUT_PLACED,
    Answer.SILENT_PLACED,
}

_NEVER_HEARD: Final = {Answer.SWALLOWED, Answer.SILENT_PLACED}


@dataclass
class Manners:
    """How the carrier behaves: weights of answers, and chances in percent."""

    answers: dict[Answer, float]
    lost: float
    late: float
    doubled: float
    garbled: float
    look_up_fails: float
    look_up_lags: float

    @classmethod
    def good(cls) -> "Manners":
        return cls({Answer.TAKEN: 1}, 0, 0, 0, 0, 0, 0)


@dataclass(slots=True)
class Status:
    at_seconds: float
    kind: ReportKind
    disposition: Disposition | None = None


@dataclass(slots=True)
class RealCall:
    """As the carrier knows it."""

    number: int
    call_id: CallId
    ring_timeout: timedelta
    max_duration: timedelta
    lags_seconds: float
    history: list[Status] = field(default_factory=list)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def carrier_call_id(self) -> str:
        return f"CA{self.number}"

    @property
    def is_over(self) -> bool:
        return self.history[-1].kind is ReportKind.ENDED

    def report(self, status: Status) -> CallReport:
        return CallReport(
            self.call_id, status.kind, self.carrier_call_id, disposition=status.disposition
        )

    def seen_at(self, seconds: float) -> Status | None:
        """The newest that was so by then."""
        return next((s for s in reversed(self.history) if s.at_seconds <= seconds), None)


class Far(Protocol):
    """What the carrier has around it."""

    def seconds(self) -> float: ...

    def later(self, delay: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        """In nobody's process."""
        ...

    def call_back(self, callback: RawCallback) -> None:
        """To some server, and again for a few times where none takes it."""
        ...

    def request_leaves(self, request: DialRequest, answer: Answer) -> None:
        """Judged here."""
        ...

    def call_ended(self, call_id: CallId) -> None: ...

    def tell(self, who: str, what: str) -> None: ...


class SimulatedExchange:
    def __init__(self, far: Far, dice: Dice, manners: Manners) -> None:
        self._far = far
        self._dice = dice
        self.manners = manners
        self.calls: dict[CallId, RealCall] = {}

    # --- requests

    def line(self) -> "Line":
        return Line(self)

    async def place(self, request: DialRequest) -> DialResult:
        answer = self._dice.weighted(self.manners.answers)
        self._far.tell("carrier", f"request for {short(request.call_id)}: {answer.value}")
        self._far.request_leaves(request, answer)
        if not answer.leaves:
            await asyncio.sleep(self._dice.seconds(0, 1))
            return NotSent("CANNOT_CONNECT")
        heard: asyncio.Future[DialResult] = asyncio.get_running_loop().create_future()
        is_late = answer in {Answer.TAKEN_LATE, Answer.SILENT_PLACED}
        way = self._dice.seconds(0.005, ARRIVES_MOST_SECONDS if is_late else 0.2)
        self._far.later(way, lambda: self._arrive(request, answer, heard))
        return await heard

    def _arrive(
        self, request: DialRequest, answer: Answer, heard: "asyncio.Future[DialResult]"
    ) -> None:
        call = self._ring(request) if answer.is_placed else None
        if answer in _NEVER_HEARD:
            return
        # So that callbacks may come before it.
        back = self._dice.seconds(0.001, 0.1 if self._dice.chance(80) else 6)
        result = self._result(answer, call)
        self._far.later(back, lambda: None if heard.done() else heard.set_result(result))

    def _result(self, answer: Answer, call: RealCall | None) -> DialResult:
        if call is not None and answer in {Answer.TAKEN, Answer.TAKEN_LATE}:
            return Accepted(call.carrier_call_id)
        match answer:
            case Answer.TURNED_AWAY:
                wait = self._dice.one_of([None, 1, 3, 20])
                return NotSent(THROTTLED, None if wait is None else timedelta(seconds=wait))
            case Answer.REFUSED:
                return Refused("NO_SUCH_NUMBER", Fault.CALL, Disposition.INVALID_NUMBER)
            case Answer.UNAUTHORIZED:
                return Refused("UNAUTHORIZED", Fault.CONFIGURATION)
            case Answer.FAILED | Answer.FAILED_PLACED:
                return Unclear("HTTP_500")
            case _:
                return Unclear("CONNECTION_RESET")

    # --- calls

    def _ring(self, request: DialRequest) -> RealCall:
        lags = self._dice.chance(self.manners.look_up_lags)
        call = RealCall(
            len(self.calls) + 1,
            request.call_id,
            request.ring_timeout,
            request.max_duration,
            self._dice.seconds(1, LAG_MOST_SECONDS) if lags else 0,
        )
        assert request.call_id not in self.calls, "judged when it left"
        self.calls[request.call_id] = call
        call.history.append(Status(self._far.seconds(), ReportKind.ACCEPTED))
        for delay, status in self._script(call):
            call.timers.append(
                self._far.later(delay, lambda status=status: self._move(call, status))
            )
        return call

    def _script(self, call: RealCall) -> Sequence[tuple[float, Status]]:
        """Within the limits that it was told."""
        ring = call.ring_timeout.total_seconds()
        setup = self._dice.seconds(0.01, min(1, ring / 4))
        how = self._dice.weighted(_ENDS)
        steps = [(setup, Status(0, ReportKind.RINGING))]
        if how in {Disposition.ANSWERED_HUMAN, Disposition.ANSWERED_MACHINE}:
            answered_at = setup + self._dice.seconds(0.1, ring - setup)
            talk = self._dice.seconds(0.1, call.max_duration.total_seconds())
            heard = how if how is Disposition.ANSWERED_MACHINE else None
            steps.append((answered_at, Status(0, ReportKind.ANSWERED, heard)))
            steps.append((answered_at + talk, Status(0, ReportKind.ENDED, how)))
        elif how is Disposition.NO_ANSWER:
            steps.append((ring, Status(0, ReportKind.ENDED, how)))
        else:
            steps.append((setup + self._dice.seconds(0, 1), Status(0, ReportKind.ENDED, how)))
        return steps

    def _move(self, call: RealCall, status: Status) -> None:
        if call.is_over:
            return
        status.at_seconds = self._far.seconds()
        call.history.append(status)
        self._far.tell("carrier", f"call {short(call.call_id)} {_in_words(status)}")
        if call.is_over:
            self._far.call_ended(call.call_id)
        self._report(call, status)

    def _report(self, call: RealCall, status: Status) -> None:
        if self._dice.chance(self.manners.lost):
            return
        times = 2 if self._dice.chance(self.manners.doubled) else 1
        for _ in range(times):
            is_late = self._dice.chance(self.manners.late)
            delay = self._dice.seconds(0.01, 45 if is_late else 0.4)
            callback = self._callback(call, status)
            self._far.later(delay, lambda callback=callback: self._far.call_back(callback))

    def _callback(self, call: RealCall, status: Status) -> RawCallback:
        body = orjson.dumps(
            [call.call_id, call.carrier_call_id, int(status.kind), status.disposition]
        )
        if self._dice.chance(self.manners.garbled):
            body = body[:-3]
        return RawCallback(NAME, "status", "", {}, body)

    def hang_up(self, call_id: CallId) -> None:
        call = self.calls.get(call_id)
        if call is None or call.is_over:
            return
        for timer in call.timers:
            timer.cancel()
        ended = Status(0, ReportKind.ENDED, self._disposition_of_a_hang_up(call))
        self._far.later(self._dice.seconds(0.01, 0.5), lambda: self._move(call, ended))

    def _disposition_of_a_hang_up(self, call: RealCall) -> Disposition:
        answered = call.history[-1].kind is ReportKind.ANSWERED
        return Disposition.ANSWERED_HUMAN if answered else Disposition.CANCELLED

    # --- questions

    async def look_up(self, query: CallQuery) -> LookUpResult:
        if self._dice.chance(self.manners.look_up_fails):
            await asyncio.sleep(self._dice.one_of([0.05, 30]))
            return LookUpFailed("HTTP_503")
        await asyncio.sleep(self._dice.seconds(0.01, 0.3))
        call = self.calls.get(query.call_id)
        if call is None:
            return NoSuchCall()
        # Behind its phones it may not have the call yet, or as it was.
        seen = call.seen_at(self._far.seconds() - call.lags_seconds)
        return NoSuchCall() if seen is None else Found(call.report(seen))


_ENDS: Final = {
    Disposition.ANSWERED_HUMAN: 45,
    Disposition.ANSWERED_MACHINE: 10,
    Disposition.BUSY: 12,
    Disposition.NO_ANSWER: 15,
    Disposition.REJECTED: 8,
    Disposition.FAILED: 6,
    Disposition.INVALID_NUMBER: 4,
}


def _in_words(status: Status) -> str:
    how = "" if status.disposition is None else f" {status.disposition.name.lower()}"
    return f"{status.kind.name.lower()}{how}"


class Line:
    """A Carrier, as one server has it."""

    name = NAME
    default_calls_per_second = None
    over_rate = OverRate.REFUSES

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    async def place_call(self, request: DialRequest) -> DialResult:
        return await self._exchange.place(request)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        return await self._exchange.look_up(query)

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        await asyncio.sleep(0.01)
        self._exchange.hang_up(query.call_id)
        return True

    async def check_account(self) -> AccountFault | None:
        return None

    def verify_callback(self, callback: RawCallback) -> bool:
        return True

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        call_id, carrier_call_id, kind, disposition = orjson.loads(callback.body)
        how = None if disposition is None else Disposition(disposition)
        return (CallReport(call_id, ReportKind(kind), carrier_call_id, disposition=how),)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        pass
