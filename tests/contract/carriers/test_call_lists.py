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
from support import far_twilio
from support.carrier_lines import Line, http_line, local_line
from support.far_twilio import twilio_line
from support.requests import REQUEST

OpenLine = Callable[..., Awaitable[Line]]

LINES = {"local": local_line, "http": http_line, "twilio": twilio_line}
MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(hours=1)


@pytest.fixture(params=LINES)
async def open_line(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenLine]:
    # Several pages.
    monkeypatch.setattr(process, "LISTED_MOST", 2)
    monkeypatch.setattr(far_twilio, "PAGE_MOST", 2)
    async with AsyncExitStack() as stack:

        async def opened(*settings: str) -> Line:
            profile = with_settings(PROFILES["fast"], settings)
            line: Any = LINES[request.param](profile, tmp_path)
            found: Line = await stack.enter_async_context(line)
            return found

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


@pytest.mark.parametrize("lasts", ["ring_ms=3600000", "talk_ms=3600000"])
async def test_every_call_is_listed_once_with_its_number(open_line: OpenLine, lasts: str) -> None:
    line = await open_line(lasts)
    addresses = {}
    for request in requests(5):
        taken = await line.carrier.place_call(request)
        assert isinstance(taken, Accepted)
        addresses[taken.carrier_call_id] = request.address
    found = await listed(line.carrier)
    assert {call.carrier_call_id: call.address for call in found.values()} == addresses
    assert all(call.is_live for call in found.values())


async def test_a_call_that_is_over_is_listed_as_that(open_line: OpenLine) -> None:
    line = await open_line()
    (request,) = requests(1)
    taken = await line.carrier.place_call(request)
    assert isinstance(taken, Accepted)
    await line.news.wait_for(request.call_id, ReportKind.ENDED)
    assert not (await listed(line.carrier))[taken.carrier_call_id].is_live


@pytest.mark.parametrize("of", [http_line, twilio_line])
async def test_calls_of_another_time_are_not_listed(of: Any, tmp_path: Path) -> None:
    async with of(PROFILES["fast"], tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        assert await listed(line.carrier, until=-LONG_AGO) == {}


@pytest.mark.parametrize("of", [http_line, twilio_line])
async def test_a_carrier_that_does_not_answer_as_it_should_is_unavailable(
    of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_as_json", lambda call: b'{"strange": "answer"}')
    monkeypatch.setattr(far_twilio.TwilioFace, "_resource", lambda face, call: {"strange": 1})
    async with of(PROFILES["fast"], tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        with pytest.raises(UnavailableError) as caught:
            await listed(line.carrier)
    assert caught.value.reason is Reason.CARRIER_UNAVAILABLE
