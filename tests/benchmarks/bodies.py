"""The longest body that REST takes: time, hold of the event loop and memory."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from benchmarks.apart import apart
from benchmarks.lists import sqlite_url
from benchmarks.options import Options
from benchmarks.report import RowReport, at_most, measure
from benchmarks.rest import OnBothPorts
from benchmarks.services import API_KEY, SIMULATED, Outdial, Service, nothing
from outdial_server.domain.limits import REQUEST_MAX_BYTES
from outdial_server.gateway.speechify.shapes import RECIPIENTS_MAX
from outdial_server.webhooks.speechify_ids import speechify_id

_MB = 1e6
_PATIENCE_SECONDS = 120
_BOUNDARY = "between-the-parts"
_NOTE = "x" * 160
"""Brings a call to some 320 bytes: 100,000 of them come near to the longest body."""


@dataclass(frozen=True, slots=True)
class Taken:
    seconds: float
    hold_ms: float
    idle_hold_ms: float
    extra_bytes: int


@dataclass(frozen=True, slots=True)
class Surface:
    """Where the body goes, and what is in it. `path` and `body` are given an agent's id."""

    name: str
    path: Callable[[str], str]
    body: Callable[[str, int], bytes]
    count_of: Callable[[dict[str, Any]], int]
    rows_most: int = 100_000
    kind: str = "application/json"
    key: Mapping[str, str] = field(default_factory=dict)


def bodies(options: Options) -> Iterator[RowReport]:
    wanted = options.amount(100_000, 100_000, 2_000)
    for name, surface in SURFACES.items():
        rows = min(wanted, surface.rows_most)
        folders = [options.folder / f"{name}-{number}" for number in range(options.rounds)]
        yield _report(name, rows, [_taken(folder, name, rows) for folder in folders])


def _report(name: str, rows: int, taken: Sequence[Taken]) -> RowReport:
    size = len(SURFACES[name].body("", rows)) / _MB
    return RowReport(
        "bodies",
        (
            measure(
                f"{name}: {rows:,} calls in {size:.0f} MB, durable",
                "s",
                [one.seconds for one in taken],
            ),
            measure(
                "longest hold of the event loop, less an idle loop's",
                "ms",
                [max(0.0, one.hold_ms - one.idle_hold_ms) for one in taken],
                at_most(50),
                limit_name="idle loop",
                limits=[one.idle_hold_ms for one in taken],
            ),
            measure(
                "memory for it, at the most",
                "MB more",
                [one.extra_bytes / _MB for one in taken],
                at_most(400),
            ),
        ),
    )


def _taken(folder: Path, name: str, rows: int) -> Taken:
    idle_folder = folder / "idle"
    idle_folder.mkdir(parents=True)
    outdial = Outdial(sqlite_url(folder / "outdial.db"), SIMULATED)
    with (
        Service(folder, OnBothPorts(outdial), probed=True) as server,
        Service(idle_folder, nothing, probed=True) as idle,
    ):
        url = f"http://{server.address.split()[1]}"
        agent_id = apart(create_agent, url)
        # What is loaded for a surface when it is first asked is not the body's cost.
        apart(create_batch, url, name, agent_id, 1)
        before = server.ids.rss_bytes()
        server.take_hold_ms()
        idle.take_hold_ms()
        seconds = apart(create_batch, url, name, agent_id, rows)
        extra = server.ids.rss_most_bytes() - before
        return Taken(seconds, server.take_hold_ms(), idle.take_hold_ms(), extra)


def create_agent(url: str) -> str:
    with _client(url) as http:
        agent = {"agent": {"displayName": "B"}}
        made = http.post("/outdial/v1/agents", json=agent).raise_for_status()
        agent_id: str = made.json()["agent"]["agentId"]
        # Batches of some surfaces need one to call from.
        number = {"phoneNumber": {"address": "+12025550190"}}
        made = http.post("/outdial/v1/phone-numbers", json=number).raise_for_status()
        place = f"/outdial/v1/phone-numbers/{made.json()['phoneNumber']['phoneNumberId']}:bind"
        http.post(place, json={"agentId": agent_id}).raise_for_status()
    return agent_id


def create_batch(url: str, name: str, agent_id: str, rows: int) -> float:
    surface = SURFACES[name]
    body = surface.body(agent_id, rows)
    assert len(body) <= REQUEST_MAX_BYTES, "longer than it may be"
    # Another key for each: a repetition is answered, and makes nothing.
    headers = {name: f"{key}-{rows}" for name, key in surface.key.items()}
    with _client(url) as http:
        http.headers["content-type"] = surface.kind
        began = time.perf_counter()
        made = http.post(surface.path(agent_id), content=body, headers=headers).raise_for_status()
        seconds = time.perf_counter() - began
    assert surface.count_of(made.json()) == rows, "some were not stored"
    return seconds


def _native_body(agent_id: str, rows: int) -> bytes:
    people = [{"address": f"+1555{number:07d}", **_told(number)} for number in range(rows)]
    batch = {"displayName": "Reminders", "agentId": agent_id}
    return orjson.dumps({"batch": batch, "scheduledCalls": people, "draft": True})


def _ultravox_body(agent_id: str, rows: int) -> bytes:
    calls = [
        {"medium": {"twilio": {"outgoing": {"to": f"+1555{number:07d}"}}}, **_told(number)}
        for number in range(rows)
    ]
    return orjson.dumps({"calls": calls, "paused": True})


def _truedy_body(agent_id: str, rows: int) -> bytes:
    contacts = [
        {
            "phone_number": f"+1555{number:07d}",
            "first_name": "Ada",
            "email": f"c-{number}@example.com",
            "custom_fields": {"note": _NOTE},
        }
        for number in range(rows)
    ]
    return orjson.dumps({"name": "Reminders", "agent_id": agent_id, "contacts": contacts})


def _speechify_head(agent_id: str) -> dict[str, str]:
    """To be dialled tomorrow, so that nothing else goes on."""
    start = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    agent = speechify_id("agent", agent_id) if agent_id else ""
    return {"name": "Reminders", "agent_id": agent, "scheduled_at": start}


def _speechify_body(agent_id: str, rows: int) -> bytes:
    """Few people, and as much of each as brings the body near to the longest."""
    recipients = [
        {"phone": f"+1555{number:07d}", "dynamic_variables": {"note": "x" * 30_000}}
        for number in range(rows)
    ]
    return orjson.dumps({**_speechify_head(agent_id), "recipients": recipients})


def _speechify_form(agent_id: str, rows: int) -> bytes:
    lines = ["phone,note", *(f"+1555{number:07d},{'x' * 5_000}" for number in range(rows))]
    fields = [
        f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in _speechify_head(agent_id).items()
    ]
    file = (
        f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="csv_file"; '
        f'filename="people.csv"\r\ncontent-type: text/csv\r\n\r\n'
    )
    return ("".join(fields) + file + "\n".join(lines) + f"\r\n--{_BOUNDARY}--\r\n").encode()


def _told(number: int) -> dict[str, Any]:
    return {
        "templateContext": {"firstName": "Ada", "note": _NOTE},
        "metadata": {"crmId": f"c-{number}"},
    }


def _batch_calls(agent_id: str) -> str:
    return "/api/public/v1/batch-calls"


def _truedy_count(made: dict[str, Any]) -> int:
    return int(made["data"]["total_contacts"])


def _speechify_calls(agent_id: str) -> str:
    return "/v1/agents/batch-calls"


SURFACES: Final[Mapping[str, Surface]] = {
    surface.name: surface
    for surface in (
        Surface(
            "native",
            lambda agent_id: "/outdial/v1/batches",
            _native_body,
            lambda made: int(made["batch"]["counts"]["waiting"]),
        ),
        Surface(
            "Ultravox",
            lambda agent_id: f"/api/agents/{agent_id}/scheduled_batches",
            _ultravox_body,
            lambda made: int(made["totalCount"]),
        ),
        Surface("Truedy", _batch_calls, _truedy_body, _truedy_count),
        Surface(
            "Truedy with a key",
            _batch_calls,
            _truedy_body,
            _truedy_count,
            key={"x-idempotency-key": "bodies"},
        ),
        Surface(
            "Speechify",
            _speechify_calls,
            _speechify_body,
            lambda made: int(made["total"]),
            rows_most=RECIPIENTS_MAX,
            key={"idempotency-key": "bodies"},
        ),
        Surface(
            "Speechify, a CSV file",
            _speechify_calls,
            _speechify_form,
            lambda made: int(made["total"]),
            rows_most=RECIPIENTS_MAX,
            kind=f"multipart/form-data; boundary={_BOUNDARY}",
        ),
    )
}


def _client(url: str) -> httpx.Client:
    headers = {
        "x-api-key": API_KEY,
        "authorization": f"Bearer {API_KEY}",
        "content-type": "application/json",
    }
    return httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE_SECONDS)
