"""What TeXML alone lacks, over real sockets: the answer to a new call may have no id of it."""

from dataclasses import replace
from pathlib import Path

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import ReportKind
from outdial_server.ports.carrier import Accepted, CallQuery, Found, NoSuchCall
from support.far_texml import TexmlFace, texml_line
from support.requests import REQUEST

OTHERS = ("answered_human", "busy", "no_answer", "rejected", "failed", "invalid_number")
MACHINES = with_settings(
    SimulationProfile(),
    [*(f"{name}=0" for name in OTHERS), "answered_machine=1", "ring_ms=1-20", "talk_ms=3600000"],
)
QUERY = CallQuery(REQUEST.call_id, "", REQUEST.address, REQUEST.caller_id)


async def test_a_call_without_an_id_is_taken_and_gets_it_from_its_callbacks(
    tmp_path: Path,
) -> None:
    async with texml_line(MACHINES, tmp_path, face=TexmlFace(tells_sid=False)) as line:
        assert await line.carrier.place_call(REQUEST) == Accepted("")
        told = await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
        (call,) = line.far.calls()
        assert told.carrier_call_id == call.carrier_call_id
        by_numbers = await line.carrier.look_up(QUERY)
        by_id = await line.carrier.look_up(replace(QUERY, carrier_call_id=call.carrier_call_id))
        assert by_numbers == by_id
        assert isinstance(by_id, Found)
        assert await line.carrier.hang_up(QUERY)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
        assert not call.is_live


async def test_who_answered_is_told_while_the_call_goes_on(tmp_path: Path) -> None:
    async with texml_line(MACHINES, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED, count=2)
        heard = {report.disposition for report in line.news.reports}
        assert Disposition.ANSWERED_MACHINE in heard
        assert all(call.is_live for call in line.far.calls())


async def test_of_a_number_that_nobody_called_there_is_no_call(tmp_path: Path) -> None:
    async with texml_line(MACHINES, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        assert await line.carrier.look_up(replace(QUERY, address="+15559999999")) == NoSuchCall()
