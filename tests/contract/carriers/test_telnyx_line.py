"""What Telnyx alone promises, or lacks, over real sockets: commands that count once, and a call
that is found by what its events say."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.ports.carrier import Accepted, CallQuery, Found, LookUpFailed, Refused
from support.far_telnyx import TelnyxFace, telnyx_line
from support.requests import REQUEST

QUERY = CallQuery(REQUEST.call_id, "", REQUEST.address)
OUTCOMES = ("answered_human", "busy", "no_answer", "rejected", "failed", "invalid_number")
MACHINES = with_settings(
    SimulationProfile(),
    [*(f"{name}=0" for name in OUTCOMES), "answered_machine=1", "ring_ms=1-20", "talk_ms=1-20"],
)
LONG = with_settings(MACHINES, ["talk_ms=3600000"])


async def test_a_call_that_is_asked_for_twice_rings_once(tmp_path: Path) -> None:
    async with telnyx_line(LONG, tmp_path) as line:
        first = await line.carrier.place_call(REQUEST)
        assert isinstance(first, Accepted)
        assert await line.carrier.place_call(REQUEST) == first
        assert len(line.far.requests) == 2
        assert len(line.far.calls()) == 1


@pytest.mark.parametrize("join_url", ["sip:ada@example.net", "https://agent.example.net/texml"])
async def test_an_agent_that_is_at_no_socket_is_said_before_anybody_is_called(
    tmp_path: Path, join_url: str
) -> None:
    async with telnyx_line(MACHINES, tmp_path) as line:
        refused = await line.carrier.place_call(replace(REQUEST, join_url=join_url))
        assert refused == Refused("JOIN_URL_IS_NO_SOCKET", Fault.CONFIGURATION)
        assert line.far.requests == []


async def test_an_ended_call_is_found_with_who_answered_by_either_id(tmp_path: Path) -> None:
    async with telnyx_line(MACHINES, tmp_path) as line:
        placed = await line.carrier.place_call(REQUEST)
        assert isinstance(placed, Accepted)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
        by_ours = await line.carrier.look_up(replace(QUERY, sent_at=datetime.now(UTC)))
        by_theirs = await line.carrier.look_up(
            replace(QUERY, carrier_call_id=placed.carrier_call_id)
        )
    assert by_ours == by_theirs
    assert isinstance(by_ours, Found)
    assert by_ours.report is not None
    assert by_ours.report.kind is ReportKind.ENDED
    assert by_ours.report.disposition is Disposition.ANSWERED_MACHINE
    assert by_ours.report.carrier_call_id == placed.carrier_call_id


async def test_a_live_call_is_found_and_hung_up_on_whatever_page_it_is(tmp_path: Path) -> None:
    face = TelnyxFace()
    face.page_most = 2
    async with telnyx_line(LONG, tmp_path, face=face) as line:
        calls = [replace(REQUEST, call_id=CallId(f"ours-{n}")) for n in range(5)]
        for one in calls:
            assert isinstance(await line.carrier.place_call(one), Accepted)
        for one in calls:
            query = CallQuery(one.call_id, "", one.address)
            found = await line.carrier.look_up(query)
            assert isinstance(found, Found)
            assert found.report is not None
            assert found.report.call_id == one.call_id
        assert await line.carrier.hang_up(CallQuery(calls[-1].call_id, "", REQUEST.address))
        ended = await line.news.wait_for(calls[-1].call_id, ReportKind.ENDED)
        assert ended.call_id == calls[-1].call_id
        assert sum(call.is_live for call in line.far.calls()) == 4


async def test_a_connection_with_more_calls_than_are_looked_through_is_no_answer(
    tmp_path: Path,
) -> None:
    face = TelnyxFace()
    face.page_most = 1
    async with telnyx_line(LONG, tmp_path, face=face) as line:
        for number in range(25):
            request = replace(REQUEST, call_id=CallId(f"other-{number}"))
            assert isinstance(await line.carrier.place_call(request), Accepted)
        assert await line.carrier.look_up(QUERY) == LookUpFailed("UNREADABLE_ANSWER")
        assert not await line.carrier.hang_up(QUERY), "it may be on a later page"
