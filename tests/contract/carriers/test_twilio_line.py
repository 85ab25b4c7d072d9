"""What Twilio alone tells, over real sockets: who answered, apart from the call's status."""

from pathlib import Path

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import ReportKind
from support.far_twilio import twilio_line
from support.requests import REQUEST

OTHERS = ("answered_human", "busy", "no_answer", "rejected", "failed", "invalid_number")
MACHINES = with_settings(
    SimulationProfile(),
    [*(f"{name}=0" for name in OTHERS), "answered_machine=1", "ring_ms=1-20", "talk_ms=3600000"],
)


async def test_who_answered_is_told_while_the_call_goes_on(tmp_path: Path) -> None:
    async with twilio_line(MACHINES, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED, count=2)
        heard = {report.disposition for report in line.news.reports}
        assert Disposition.ANSWERED_MACHINE in heard
        assert all(call.is_live for call in line.far.calls())
