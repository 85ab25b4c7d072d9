"""What only the carrier in a process of its own has: callbacks that outlive a server, and
the log by which it is a judge."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.carriers.simulated.profile import PROFILES, with_settings
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import ReportKind
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    DialRequest,
    Found,
    NoSuchCall,
    Refused,
    Unclear,
)
from support.carrier_lines import SECRET, HttpLine, http_line
from support.requests import REQUEST

OpenLine = Callable[..., Awaitable[HttpLine]]

QUERY = CallQuery(REQUEST.call_id, "", REQUEST.address)
FAST = PROFILES["fast"]
LONG = "talk_ms=3600000"


@pytest.fixture
async def open_line(tmp_path: Path) -> AsyncIterator[OpenLine]:
    async with AsyncExitStack() as stack:

        async def opened(*settings: str) -> HttpLine:
            profile = with_settings(FAST, settings)
            return await stack.enter_async_context(http_line(profile, tmp_path))

        yield opened


async def place(line: HttpLine, request: DialRequest = REQUEST) -> str:
    result = await line.carrier.place_call(request)
    assert isinstance(result, Accepted)
    return result.carrier_call_id


def impatient(line: HttpLine) -> HttpSimulatedCarrier:
    """An adapter to the same carrier that waits for no longer than it must: half of it is for the
    connection, and the request is there well before the rest is over."""
    return HttpSimulatedCarrier(line.url, SECRET, f"{line.url}/nowhere", timedelta(seconds=1.5))


# --- the log -------------------------------------------------------------------


async def test_the_log_tells_a_calls_life_in_order(open_line: OpenLine) -> None:
    line = await open_line()
    carrier_call_id = await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    logged = line.logged()
    assert [(record["event"], record["live"]) for record in logged] == [
        ("requested", 0),
        ("placed", 1),
        ("ringing", 1),
        ("answered", 1),
        ("ended", 0),
    ]
    assert {(record["call_id"], record["to"]) for record in logged} == {
        (REQUEST.call_id, REQUEST.address)
    }
    assert {record["carrier_call_id"] for record in logged[1:]} == {carrier_call_id}
    times = [record["time_us"] for record in logged]
    assert times == sorted(times)


async def test_a_placed_call_is_in_the_log_before_its_answer_leaves(open_line: OpenLine) -> None:
    line = await open_line(LONG)
    await place(line)
    assert "placed" in {record["event"] for record in line.logged()}


async def test_a_call_dialled_twice_shows(open_line: OpenLine) -> None:
    line = await open_line(LONG)
    await place(line)
    await place(line)
    await place(line, replace(REQUEST, call_id=CallId("another")))
    placed = Counter(record["call_id"] for record in line.logged() if record["event"] == "placed")
    assert placed == {"ours": 2, "another": 1}
    assert await line.stats() == {
        "live": 3,
        "live_most": 3,
        "placed": 3,
        "calls_placed_twice": 1,
        "addresses_placed_twice": 1,
    }


@pytest.mark.parametrize("fate", ["create_throttled", "create_unauthorized", "create_error"])
async def test_what_was_not_placed_is_logged_as_asked_for_only(
    open_line: OpenLine, fate: str
) -> None:
    line = await open_line(f"{fate}=1")
    assert not isinstance(await line.carrier.place_call(REQUEST), Accepted)
    assert [record["event"] for record in line.logged()] == ["requested"]


# --- answers that do not come --------------------------------------------------


@pytest.mark.parametrize(("fate", "rings"), [("create_timeout", 0), ("create_timeout_placed", 1)])
async def test_no_answer_leaves_it_open_whether_a_phone_rings(
    open_line: OpenLine, fate: str, rings: int
) -> None:
    line = await open_line(f"{fate}=1", LONG)
    carrier = impatient(line)
    assert isinstance(await carrier.place_call(REQUEST), Unclear)
    await carrier.close()
    assert isinstance(await line.carrier.look_up(QUERY), Found if rings else NoSuchCall)
    assert [r["event"] for r in line.logged()].count("placed") == rings


async def test_a_carrier_that_stops_answering_places_calls_when_it_goes_on(
    open_line: OpenLine,
) -> None:
    line = await open_line("answering=false")
    carrier = impatient(line)
    assert isinstance(await carrier.place_call(REQUEST), Unclear)
    await carrier.close()
    assert [record["event"] for record in line.logged()] == ["requested"]
    waiting = asyncio.create_task(line.carrier.place_call(replace(REQUEST, call_id=CallId("next"))))
    assert (await line.change(answering=True)).status_code == 204
    assert isinstance(await waiting, Accepted)
    await line.news.wait_for("next", ReportKind.ENDED)
    assert isinstance(await line.carrier.look_up(QUERY), Found)


# --- callbacks -----------------------------------------------------------------


async def test_a_refused_callback_comes_again_until_it_is_taken(open_line: OpenLine) -> None:
    line = await open_line()
    line.receiver.refusals_left = 5
    await place(line)
    await line.news.wait_until(lambda: len(line.news.reports) == 3)
    assert len(line.receiver.callbacks) == 5 + 3


async def test_news_can_come_together(open_line: OpenLine) -> None:
    line = await open_line("news_per_callback=100")
    requests = [replace(REQUEST, call_id=CallId(f"ours-{n}")) for n in range(100)]
    await asyncio.gather(*(place(line, request) for request in requests))
    await line.news.wait_until(lambda: len(line.news.reports) == 3 * len(requests))
    assert len(line.receiver.callbacks) < len(line.news.reports)


async def test_a_changed_callback_is_refused(open_line: OpenLine) -> None:
    line = await open_line()
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    for genuine in line.receiver.callbacks:
        assert line.carrier.verify_callback(genuine)
        forged = replace(genuine, body=genuine.body.replace(b"ours", b"hers"))
        assert not line.carrier.verify_callback(forged)
        assert not line.carrier.verify_callback(replace(genuine, headers={}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"null",
        b'"ended"',
        b"{}",
        b'{"id": "SIM1", "call_id": "ours", "status": "singing", "disposition": null}',
        b'{"id": "SIM1", "call_id": "ours", "status": "ended", "disposition": "happy"}',
        b'{"id": "SIM1", "call_id": "ours", "status": "ended", "disposition": 1}',
        b"\xff",
    ],
)
async def test_a_callback_that_cannot_be_read_is_a_value_error(
    open_line: OpenLine, body: bytes
) -> None:
    line = await open_line()
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    unreadable = replace(line.receiver.callbacks[0], body=body)
    with pytest.raises(ValueError):
        line.carrier.parse_callback(unreadable)


# --- requests ------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"call_id": ""},
        {"to": None},
        {"ring_timeout_seconds": 0},
        {"max_duration_seconds": "soon"},
        {"callback_url": "not-a-url"},
    ],
)
async def test_a_bad_request_names_the_field(open_line: OpenLine, change: dict[str, Any]) -> None:
    line = await open_line()
    body = {
        "call_id": "ours",
        "to": "+15551230001",
        "ring_timeout_seconds": 30,
        "max_duration_seconds": 60,
        "callback_url": "http://127.0.0.1/callbacks",
        **change,
    }
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{line.url}/calls", json=body)
    assert answer.status_code == 400
    assert next(iter(change)) in answer.json()["error"]["message"]
    assert line.logged() == []


async def test_a_bad_setting_is_named_and_changes_nothing(open_line: OpenLine) -> None:
    line = await open_line()
    answer = await line.change(ring_ms="1-2", create_error=7)
    assert answer.status_code == 400
    assert "create_error" in answer.json()["error"]["message"]
    await place(line)


async def test_a_changed_profile_holds_for_the_next_call(open_line: OpenLine) -> None:
    line = await open_line()
    await place(line)
    assert (await line.change(answered_human=0, invalid_number=1)).status_code == 204
    assert isinstance(await line.carrier.place_call(REQUEST), Refused)
