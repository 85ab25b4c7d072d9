"""Carriers that can say which calls they made, for when the database no longer knows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outdial_server.carriers.simulated import process
from outdial_server.carriers.simulated.profile import PROFILES, with_settings
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import ReportKind
from outdial_server.ports.carrier import Accepted, Carrier, DialRequest, ListedCall, ListsCalls
from support import far_plivo, far_telnyx, far_texml, far_twilio
from support.all_carriers import Ability, Subject, on_carriers
from support.carrier_lines import Line, http_line
from support.far_carrier import FarCarrier
from support.far_plivo import plivo_line
from support.far_telnyx import TelnyxFace, telnyx_line
from support.far_texml import TexmlFace, texml_line
from support.far_twilio import twilio_line
from support.requests import REQUEST

OpenLine = Callable[..., Awaitable[Line]]

MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(hours=1)
TALKING = with_settings(PROFILES["fast"], ["answered_human=1", "talk_ms=3600000"])
QUEUING = with_settings(TALKING, ["mode=queueing", "max_concurrent_calls=1"])


@pytest.fixture
async def open_line(
    carrier: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenLine]:
    # Several pages.
    monkeypatch.setattr(process, "LISTED_MOST", 2)
    for far in (far_twilio, far_plivo, far_telnyx, far_texml):
        monkeypatch.setattr(far, "PAGE_MOST", 2)
    async with AsyncExitStack() as stack:

        async def opened(*settings: str) -> Line:
            profile = with_settings(PROFILES["fast"], settings)
            return await stack.enter_async_context(carrier.line(profile, tmp_path))

        yield opened


def requests(count: int) -> list[DialRequest]:
    return [
        replace(REQUEST, call_id=CallId(f"call-{n}"), address=f"+1555123000{n}")
        for n in range(count)
    ]


async def listed(carrier: Carrier, until: timedelta = MINUTE) -> dict[str, ListedCall]:
    assert isinstance(carrier, ListsCalls)
    now = datetime.now(UTC)
    calls = await carrier.list_calls(now - MINUTE + min(until, timedelta(0)), now + until)
    assert len({call.carrier_call_id for call in calls}) == len(calls)
    return {call.carrier_call_id: call for call in calls}


@on_carriers(Ability.LISTS)
@pytest.mark.parametrize("lasts", ["ring_ms=3600000", "talk_ms=3600000"])
async def test_every_call_is_listed_once_with_its_number(open_line: OpenLine, lasts: str) -> None:
    line = await open_line(lasts)
    addresses = {}
    for request in requests(5):
        taken = await line.carrier.place_call(request)
        assert isinstance(taken, Accepted)
        addresses[taken.carrier_call_id] = request.address
    for request in requests(5):
        await line.news.wait_for(request.call_id, ReportKind.RINGING)
    found = await listed(line.carrier)
    assert {call.carrier_call_id: call.address for call in found.values()} == addresses
    assert all(call.is_live for call in found.values())


@on_carriers(Ability.LISTS)
async def test_a_call_that_is_over_is_listed_as_that(open_line: OpenLine) -> None:
    line = await open_line()
    (request,) = requests(1)
    taken = await line.carrier.place_call(request)
    assert isinstance(taken, Accepted)
    await line.news.wait_for(request.call_id, ReportKind.ENDED)
    assert not (await listed(line.carrier))[taken.carrier_call_id].is_live


@on_carriers(Ability.LISTS)
async def test_several_pages_of_calls_that_are_over_are_listed(open_line: OpenLine) -> None:
    line = await open_line()
    for request in requests(5):
        assert isinstance(await line.carrier.place_call(request), Accepted)
    for request in requests(5):
        await line.news.wait_for(request.call_id, ReportKind.ENDED)
    found = await listed(line.carrier)
    assert sorted(call.address for call in found.values()) == [r.address for r in requests(5)]
    assert not any(call.is_live for call in found.values())


# Plivo does not tell when it was asked for a call.
@pytest.mark.parametrize("of", [http_line, twilio_line, telnyx_line, texml_line])
async def test_calls_of_another_time_are_not_listed(of: Any, tmp_path: Path) -> None:
    async with of(PROFILES["fast"], tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
        assert await listed(line.carrier, until=-LONG_AGO) == {}


@pytest.mark.parametrize(
    ("of", "where", "what"),
    [
        (http_line, process, "_as_json"),
        (twilio_line, far_twilio.TwilioFace, "_resource"),
        (plivo_line, far_plivo.PlivoFace, "_detail"),
        (telnyx_line, far_telnyx, "_record"),
        (texml_line, far_texml, "_resource"),
    ],
)
async def test_a_carrier_that_does_not_answer_as_it_should_is_unavailable(
    of: Any, where: Any, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with of(TALKING, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.RINGING)
        strange = b'{"strange": "answer"}' if where is process else {"strange": 1}
        monkeypatch.setattr(where, what, lambda *_: strange)
        with pytest.raises(UnavailableError) as caught:
            await listed(line.carrier)
    assert caught.value.reason is Reason.CARRIER_UNAVAILABLE


async def test_a_busy_day_s_list_comes_in_answers_that_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = far_twilio.TwilioFace._resource
    # As large as Twilio's documents show one.
    subresources = {"subresource_uris": {"of_the_call": "x" * 1_800}}
    monkeypatch.setattr(
        far_twilio.TwilioFace, "_resource", lambda face, call: resource(face, call) | subresources
    )
    async with twilio_line(PROFILES["fast"], tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        (made,) = line.far.calls()
        many = [replace(made, carrier_call_id=f"CA{n}") for n in range(1_200)]
        monkeypatch.setattr(FarCarrier, "calls", lambda far: many)
        assert len(await listed(line.carrier)) == len(many)


async def test_the_leg_to_the_agent_is_no_call_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = far_twilio.TwilioFace._resource
    leg = {"parent_call_sid": "CA1", "direction": "outbound-dial", "to": "sip:agent@example.com"}
    async with twilio_line(TALKING, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        monkeypatch.setattr(
            far_twilio.TwilioFace, "_resource", lambda face, call: resource(face, call) | leg
        )
        assert await listed(line.carrier) == {}


async def test_plivo_is_asked_for_each_number_once(tmp_path: Path) -> None:
    async with plivo_line(TALKING, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
        first = await listed(line.carrier)
        asked = [one for one in line.far.seen if "status=live" in one.query]
        assert await listed(line.carrier) == first
        again = [one for one in line.far.seen if "status=live" in one.query]
        assert len(asked) == 2, "the list, and the call"
        assert len(again) == 3, "the list"


async def test_a_call_that_telnyx_has_told_nothing_of_goes_on_without_a_number(
    tmp_path: Path,
) -> None:
    async with telnyx_line(QUEUING, tmp_path) as line:
        first, second = requests(2)
        for request in (first, second):
            await line.carrier.place_call(request)
        await line.news.wait_for(first.call_id, ReportKind.RINGING)
        found = {call.call_id: call for call in (await listed(line.carrier)).values()}
        assert found[first.call_id].address == first.address
        assert found[second.call_id].address == ""
        assert found[second.call_id].is_live


async def test_whoever_called_over_the_connection_was_not_called(tmp_path: Path) -> None:
    face = TelnyxFace()
    async with telnyx_line(PROFILES["fast"], tmp_path, face=face) as line:
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
        for event in face.events:
            event["payload"]["direction"] = "incoming"
        assert await listed(line.carrier) == {}


async def test_telnyx_knows_no_calls_of_more_than_a_day_ago(tmp_path: Path) -> None:
    async with telnyx_line(TALKING, tmp_path) as line:
        with pytest.raises(UnavailableError):
            await line.carrier.list_calls(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC))


async def test_a_call_that_is_in_no_list_of_texml_yet_goes_on_without_a_number(
    tmp_path: Path,
) -> None:
    face = TexmlFace()
    async with texml_line(TALKING, tmp_path, face=face) as line:
        face.late.add(REQUEST.address)
        await line.carrier.place_call(REQUEST)
        (late,) = (await listed(line.carrier)).values()
        assert (late.address, late.is_live) == ("", True)
        face.late.clear()
        assert (await listed(line.carrier))[late.carrier_call_id].address == REQUEST.address


async def test_a_long_call_that_is_in_no_list_of_texml_is_of_another_time(tmp_path: Path) -> None:
    face = TexmlFace()
    async with texml_line(TALKING, tmp_path, face=face) as line:
        face.late.add(REQUEST.address)
        await line.carrier.place_call(REQUEST)
        await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
        (call,) = line.far.calls()
        call.created_at -= LONG_AGO
        assert await listed(line.carrier) == {}
