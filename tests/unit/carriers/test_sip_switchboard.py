"""The calls of a SIP worker, over a wire that only remembers; and what goes between the
processes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from outdial_server.carriers.sip.happenings import (
    Answered,
    Failed,
    Gone,
    Happening,
    Left,
    Progressed,
    Proposed,
    Side,
)
from outdial_server.carriers.sip.messages import (
    CheckOrder,
    HangUpOrder,
    LookUpOrder,
    Message,
    Order,
    Party,
    PlaceOrder,
    StopOrder,
    dial_result_in,
    dial_result_to_json,
    order_in,
    order_line,
    report_in,
    report_to_json,
)
from outdial_server.carriers.sip.switchboard import Leg, Switchboard
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Refused, Unclear

CALLEE = Party("sip:+1555@trunk", "192.0.2.1", 5060, "+1556", "trunk", "", "u", "p")
AGENT = Party("sip:agent@voice", "192.0.2.2", 5060, "+1556", "voice")
ORDER = PlaceOrder("ours", "config", CALLEE, AGENT, 30, 600, 9.5, agent_first=False)
SDP = "v=0\r\nm=audio 4000 RTP/AVP 0\r\n"


@dataclass
class Rung:
    ring: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class RememberedLeg:
    sip_call_id: str
    happen: Callable[[Happening], None]
    done: list[object] = field(default_factory=list)

    def invite(self, sdp: str) -> None:
        self.done.append(("invite", sdp))

    def acknowledge(self, sdp: str) -> None:
        self.done.append(("acknowledge", sdp))

    def reinvite(self, sdp: str) -> None:
        self.done.append(("reinvite", sdp))

    def pass_on(self, what: object, back: Leg) -> None:
        self.done.append(("pass_on", what, back))

    def decline(self) -> None:
        self.done.append("decline")

    def drop(self) -> None:
        self.done.append("drop")


@dataclass
class RememberedWire:
    host_and_port: str = "192.0.2.9:5060"
    reaches: bool = True
    legs: list[RememberedLeg] = field(default_factory=list)
    alarms: list[Rung] = field(default_factory=list)

    def can_reach(self, party: Party) -> bool:
        return self.reaches

    def leg(
        self,
        side: Side,
        party: Party,
        sip_call_id: str,
        ring_seconds: float,
        happen: Callable[[Happening], None],
    ) -> RememberedLeg:
        self.legs.append(RememberedLeg(sip_call_id, happen))
        return self.legs[-1]

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Rung:
        self.alarms.append(Rung(ring))
        return self.alarms[-1]


class Worker:
    def __init__(self, ended_kept: int = 10) -> None:
        self.wire = RememberedWire()
        self.news: list[CallReport] = []
        self.idle = 0
        self.board = Switchboard(self.wire, self.hear, self.be_idle, ended_kept)

    def hear(self, carrier_config: str, report: CallReport) -> None:
        assert carrier_config == "config"
        self.news.append(report)

    def be_idle(self) -> None:
        self.idle += 1

    def place(self, call_id: str = "ours") -> list[DialResult]:
        said: list[DialResult] = []

        def judge(message: Message) -> None:
            said.append(dial_result_in(message))

        self.board.place(replace(ORDER, call_id=call_id), judge)
        return said


def test_a_call_is_made_answered_and_told() -> None:
    worker = Worker()
    said = worker.place()
    (callee,) = worker.wire.legs
    assert callee.done == [("invite", "")]
    callee.happen(Progressed(Side.CALLEE, 180))
    assert said == [Accepted("ours.1@192.0.2.9:5060")]
    callee.happen(Answered(Side.CALLEE, SDP))
    agent = worker.wire.legs[1]
    assert agent.sip_call_id == f"agent.{callee.sip_call_id}"
    agent.happen(Answered(Side.AGENT, SDP))
    callee.happen(Proposed(Side.CALLEE, "hold"))
    assert agent.done[-1] == ("pass_on", "hold", callee)
    assert worker.board.live == 1
    callee.happen(Left(Side.CALLEE))
    assert (worker.board.live, worker.idle) == (0, 1)
    assert agent.done[-1] == "drop"
    kinds = [report.kind for report in worker.news]
    assert kinds == [ReportKind.RINGING, ReportKind.ANSWERED, ReportKind.ENDED]
    assert {report.carrier_call_id for report in worker.news} == {callee.sip_call_id}
    assert worker.board.look_up("ours") == worker.news[-1]
    assert all(alarm.is_cancelled for alarm in worker.wire.alarms)


def test_the_same_call_is_not_made_twice() -> None:
    worker = Worker()
    worker.place()
    assert worker.place() == [Unclear("ALREADY_PLACED")]
    worker.wire.legs[0].happen(Failed(Side.CALLEE, 486))
    assert worker.place() == [Unclear("ALREADY_PLACED")]
    assert len(worker.wire.legs) == 1


def test_a_call_that_was_turned_away_may_come_again_under_another_id() -> None:
    worker = Worker()
    said = worker.place()
    worker.wire.legs[0].happen(Failed(Side.CALLEE, 503))
    assert said == [NotSent("THROTTLED")]
    assert worker.board.look_up("ours") is None
    worker.place()
    ids = [leg.sip_call_id for leg in worker.wire.legs]
    assert ids == ["ours.1@192.0.2.9:5060", "ours.2@192.0.2.9:5060"]
    assert worker.board.live == 1


def test_a_refused_call_never_was() -> None:
    worker = Worker()
    worker.place()
    worker.wire.legs[0].happen(Failed(Side.CALLEE, 404))
    assert worker.board.look_up("ours") is None
    assert worker.news == []


def test_where_no_way_leads_nothing_is_sent() -> None:
    worker = Worker()
    worker.wire.reaches = False
    assert worker.place() == [NotSent("CANNOT_REACH")]
    assert worker.wire.legs == []
    worker.wire.reaches = True
    worker.place()
    assert len(worker.wire.legs) == 1


def test_a_call_is_found_as_soon_as_it_was_sent() -> None:
    worker = Worker()
    worker.place()
    found = worker.board.look_up("ours")
    assert found == CallReport(CallId("ours"), ReportKind.ACCEPTED, "ours.1@192.0.2.9:5060")
    assert worker.board.look_up("theirs") is None


def test_hanging_up_cancels_what_rings_and_knows_what_it_does_not_know() -> None:
    worker = Worker()
    assert not worker.board.hang_up("ours")
    worker.place()
    assert worker.board.hang_up("ours")
    (callee,) = worker.wire.legs
    assert callee.done[-1] == "drop"
    callee.happen(Progressed(Side.CALLEE, 180))
    callee.happen(Gone(Side.CALLEE))
    assert worker.news[-1].disposition is Disposition.CANCELLED
    assert worker.board.hang_up("ours"), "over, and known"


def test_everything_is_hung_up_at_the_end() -> None:
    worker = Worker()
    for number in range(3):
        worker.place(f"ours-{number}")
    worker.board.hang_up_all()
    assert [leg.done[-1] for leg in worker.wire.legs] == ["drop"] * 3
    for leg in worker.wire.legs:
        leg.happen(Gone(Side.CALLEE))
    assert (worker.board.live, worker.idle) == (0, 1)


def test_of_ended_calls_the_newest_are_kept_and_live_ones_all() -> None:
    worker = Worker(ended_kept=2)
    worker.place("back")
    worker.wire.legs[0].happen(Failed(Side.CALLEE, 503))
    worker.place("back")
    for number in range(3):
        worker.place(f"ours-{number}")
        worker.wire.legs[-1].happen(Failed(Side.CALLEE, 486))
    assert worker.board.look_up("back") is not None, "its first try is what was forgotten"
    assert worker.board.look_up("ours-0") is None
    assert worker.board.look_up("ours-2") is not None


@pytest.mark.parametrize(
    "order",
    [ORDER, HangUpOrder("ours"), LookUpOrder("ours"), CheckOrder(CALLEE, 9.5), StopOrder()],
)
def test_an_order_comes_over_as_it_was_given(order: Order) -> None:
    line = order_line(7, order)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert order_in(line) == (7, order)


def test_passwords_are_in_no_repr() -> None:
    assert "'p'" not in repr(ORDER)


@pytest.mark.parametrize(
    "result",
    [
        Accepted("ours.1@here"),
        NotSent("THROTTLED"),
        NotSent("THROTTLED", timedelta(seconds=7)),
        Refused("SIP_404", Fault.CALL, Disposition.INVALID_NUMBER),
        Unclear("TRUNK_SILENT"),
    ],
)
def test_a_result_comes_over_as_it_was_given(result: DialResult) -> None:
    assert dial_result_in(dial_result_to_json(result)) == result


def test_a_report_comes_over_as_it_was_given() -> None:
    report = CallReport(CallId("ours"), ReportKind.ENDED, "id", Disposition.BUSY, "SIP_486")
    assert report_in(report_to_json(report)) == report
    with pytest.raises(ValueError, match="not a report"):
        report_in({"kind": 5})
