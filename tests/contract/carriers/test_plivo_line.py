"""What Plivo alone promises, or lacks, over real sockets: it asks what to do with whoever
answers, and a call may have another id than the request that it came of."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from outdial_server.carriers.plivo.adapter import LISTED_MOST
from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    DialRequest,
    Found,
    LookUpFailed,
    LookUpResult,
    NoSuchCall,
    Refused,
)
from support.far_carrier import FarLine
from support.far_plivo import PlivoFace, plivo_line
from support.requests import REQUEST

OTHERS = ("answered_human", "busy", "no_answer", "rejected", "failed", "invalid_number")
MACHINES = with_settings(
    SimulationProfile(),
    [*(f"{name}=0" for name in OTHERS), "answered_machine=1", "ring_ms=1-20", "talk_ms=1-20"],
)
LONG = with_settings(MACHINES, ["talk_ms=3600000"])
RINGING = with_settings(LONG, ["ring_ms=3600000"])
QUEUED = with_settings(LONG, ["mode=queueing", "max_concurrent_calls=1"])
OTHER = replace(REQUEST, call_id=CallId("other"), address="+15551230002")


async def place(line: FarLine, request: DialRequest = REQUEST) -> CallQuery:
    placed = await line.carrier.place_call(request)
    assert isinstance(placed, Accepted)
    return CallQuery(request.call_id, placed.carrier_call_id, request.address, request.caller_id)


def kind_of(found: LookUpResult) -> ReportKind | None:
    assert isinstance(found, Found)
    return None if found.report is None else found.report.kind


async def test_whoever_answers_is_connected_when_plivo_asks(tmp_path: Path) -> None:
    async with plivo_line(LONG, tmp_path) as line:
        await place(line)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
        (asked,) = line.far.requests
        await line.far.has_told(asked["answer_url"])
        stream = ET.fromstring(line.far.told_to_do[asked["answer_url"]]).find("Stream")  # noqa: S314
        assert stream is not None
        assert stream.text == REQUEST.join_url
        assert list(line.far.told_to_do) == [asked["answer_url"]], "to nothing else there is more"


async def test_an_agent_at_a_sip_address_is_said_before_anybody_is_called(tmp_path: Path) -> None:
    async with plivo_line(LONG, tmp_path) as line:
        refused = await line.carrier.place_call(replace(REQUEST, join_url="sip:ada@example.net"))
        assert refused == Refused("JOIN_URL_IS_NO_SOCKET", Fault.CONFIGURATION)
        assert line.far.requests == []


@pytest.mark.parametrize("profile", [RINGING, LONG], ids=["ringing", "talking"])
async def test_a_call_of_another_id_is_found_and_hung_up_on_by_its_numbers(
    tmp_path: Path, profile: SimulationProfile
) -> None:
    async with plivo_line(profile, tmp_path, face=PlivoFace(other_ids=True)) as line:
        query, other = await place(line), await place(line, OTHER)
        stage = ReportKind.RINGING if profile is RINGING else ReportKind.ANSWERED
        await line.news.wait_for(REQUEST.call_id, stage)
        await line.news.wait_for(OTHER.call_id, stage)
        found = await line.carrier.look_up(query)
        assert kind_of(found) is stage
        assert isinstance(found, Found)
        assert found.report is not None
        assert found.report.carrier_call_id == query.carrier_call_id
        assert await line.carrier.hang_up(query)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
        assert [call.is_live for call in line.far.calls()] == [False, True]
        assert kind_of(await line.carrier.look_up(query)) is ReportKind.ENDED
        assert kind_of(await line.carrier.look_up(other)) is stage


async def test_a_request_that_waits_is_cancelled_by_its_own_id(tmp_path: Path) -> None:
    async with plivo_line(QUEUED, tmp_path, face=PlivoFace(other_ids=True)) as line:
        await place(line)
        waiting = await place(line, OTHER)
        assert await line.carrier.hang_up(waiting)
        ended = await line.news.wait_for(OTHER.call_id, ReportKind.ENDED)
        assert ended.disposition is Disposition.CANCELLED
        assert line.news.kinds(OTHER.call_id) == [ReportKind.ENDED], "it never rang"
        paths = [one.path for one in line.far.seen if one.method == "DELETE"]
        assert paths[-1].endswith(f"/Request/{waiting.carrier_call_id}/")


async def test_of_several_calls_between_two_numbers_none_is_taken_for_another(
    tmp_path: Path,
) -> None:
    async with plivo_line(LONG, tmp_path) as line:
        for n in range(2):
            await place(line, replace(REQUEST, call_id=CallId(f"ours-{n}")))
        lost = CallQuery(CallId("lost"), "", REQUEST.address, REQUEST.caller_id)
        assert await line.carrier.look_up(lost) == Found(None)
        assert not await line.carrier.hang_up(lost)
        assert all(call.is_live for call in line.far.calls())


async def test_a_call_from_before_the_request_is_another_one(tmp_path: Path) -> None:
    async with plivo_line(MACHINES, tmp_path) as line:
        query = await place(line)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
        lost = replace(query, carrier_call_id="", sent_at=datetime.now(UTC))
        assert kind_of(await line.carrier.look_up(lost)) is ReportKind.ENDED
        (call,) = line.far.calls()
        call.created_at = call.created_at.replace(year=2020)
        assert await line.carrier.look_up(lost) == NoSuchCall()


async def test_an_account_with_more_calls_than_are_looked_through_is_no_answer(
    tmp_path: Path,
) -> None:
    async with plivo_line(LONG, tmp_path) as line:
        for n in range(LISTED_MOST + 1):
            await place(line, replace(OTHER, call_id=CallId(f"other-{n}")))
        lost = CallQuery(REQUEST.call_id, "", REQUEST.address)
        assert await line.carrier.look_up(lost) == LookUpFailed("UNREADABLE_ANSWER")
        assert not await line.carrier.hang_up(lost), "it may be among the others"


@pytest.mark.parametrize("carrier_call_id", ["", "../../Account", "?", "x"])
async def test_no_slip_of_an_id_ends_all_calls_of_the_account(
    tmp_path: Path, carrier_call_id: str
) -> None:
    async with plivo_line(LONG, tmp_path) as line:
        await place(line, OTHER)
        nobody = CallQuery(CallId("ours"), carrier_call_id, REQUEST.address)
        assert await line.carrier.hang_up(nobody)
        assert [one for one in line.far.seen if one.method == "DELETE"] == []
        assert all(call.is_live for call in line.far.calls())
