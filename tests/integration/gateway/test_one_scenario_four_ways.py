"""The same fifty people as an Ultravox batch, a Truedy batch call, a Speechify batch and a native
one: the same requests reach the carrier, and each surface reads what another has made."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration.conftest import OPERATOR_KEY
from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.app.server import running_server
from outdial_server.carriers.simulated.callback_sender import CallbackSender
from outdial_server.carriers.simulated.process import CarrierService
from outdial_server.carriers.simulated.profile import PROFILES
from outdial_server.carriers.simulated.ring_log import NoRingLog
from outdial_server.gateway.server import HttpServer
from outdial_server.settings import Settings
from outdial_server.webhooks.speechify_ids import speechify_id, uuid_from
from support.processes import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_SECONDS = 60
CALLER_ID = "+12025550190"
JOIN_URL = "wss://agent.example.com/join?name={{first_name}}"
CARRIER_SECRET = "a secret of the carrier"

PEOPLE = [(f"+1202555{1000 + number}", f"Ada {number}") for number in range(50)]
ADDRESSES = sorted(address for address, _ in PEOPLE)
Dial = tuple[str, str, str, float]
"""To whom, showing what, connected where, ringing for how many seconds."""

DIALS: list[Dial] = sorted(
    (address, CALLER_ID, f"wss://agent.example.com/join?name={name.replace(' ', '%20')}", 30.0)
    for address, name in PEOPLE
)


@dataclass
class Carrier:
    """The simulated carrier, and what it was asked for."""

    app: ASGIApp
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""

        async def noting() -> Message:
            nonlocal body
            message = await receive()
            if message["type"] == "http.request":
                body += message["body"]
                if not message["more_body"]:
                    # Before it is answered, and so before anybody hears of it.
                    self.asked.append(json.loads(body))
            return message

        is_dial = (scope["method"], scope["path"]) == ("POST", "/calls")
        await self.app(scope, noting if is_dial else receive, send)

    def taken(self) -> list[Dial]:
        """Of the batch that has just ended."""
        asked, self.asked = self.asked, []
        return sorted(
            (one["to"], one["from"], one["join_url"], one["ring_timeout_seconds"]) for one in asked
        )


@dataclass
class Site:
    http: httpx.AsyncClient
    carrier: Carrier
    # Of the core.
    agent_id: str = ""
    number_id: str = ""
    # By who made them, and what reached the carrier for each.
    batches: dict[str, str] = field(default_factory=dict)
    dials: dict[str, list[Dial]] = field(default_factory=dict)

    async def __call__(self, verb: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = await self.http.request(verb, path, **options)
        assert answer.status_code == status, f"{path}: {answer.text}"
        return answer.json()

    async def until_over(self, batch_id: str) -> None:
        path = f"/outdial/v1/batches/{batch_id}:watch"
        async with asyncio.timeout(PATIENCE_SECONDS), self.http.stream("GET", path) as stream:
            async for _ in stream.aiter_lines():
                pass


async def serve(stack: AsyncExitStack) -> tuple[Carrier, str]:
    clock = SystemClock()
    callbacks = CallbackSender(CARRIER_SECRET, clock)
    callbacks.start()
    stack.push_async_callback(callbacks.close)
    ids = UuidV7Ids(clock)
    service = CarrierService(PROFILES["fast"], NoRingLog(), callbacks, ids.new_id, clock)
    stack.callback(service.close)
    carrier = Carrier(service.app())
    server = HttpServer(carrier, "127.0.0.1:0", stop_seconds=0)
    port = await server.start()
    stack.push_async_callback(server.stop)
    return carrier, f"http://127.0.0.1:{port}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        carrier, carrier_url = await serve(stack)
        http_port = free_port()
        settings = Settings(
            database_url=f"sqlite:///{tmp_path_factory.mktemp('server') / 'outdial.db'}",
            grpc_listen="127.0.0.1:0",
            http_listen=f"127.0.0.1:{http_port}",
            public_url=f"http://127.0.0.1:{http_port}",
            bootstrap_api_key=OPERATOR_KEY,
            simulated_carrier_url=carrier_url,
            simulated_carrier_secret=CARRIER_SECRET,
            drain_seconds=0.2,
        )
        await stack.enter_async_context(running_server(settings))
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{http_port}",
                headers={"authorization": f"Bearer {OPERATOR_KEY}", "x-api-key": OPERATOR_KEY},
                timeout=PATIENCE_SECONDS,
            )
        )
        site = Site(http, carrier)
        agent = {"displayName": "Reminder", "joinUrlTemplate": JOIN_URL}
        made = await site("POST", "/outdial/v1/agents", json={"agent": agent})
        site.agent_id = made["agent"]["agentId"]
        number = {"address": CALLER_ID}
        made = await site("POST", "/outdial/v1/phone-numbers", json={"phoneNumber": number})
        site.number_id = made["phoneNumber"]["phoneNumberId"]
        path = f"/outdial/v1/phone-numbers/{site.number_id}:bind"
        await site("POST", path, json={"agentId": site.agent_id})
        yield site


# --- made in the words of each


async def by_native(site: Site) -> str:
    body = {
        "batch": {"agentId": site.agent_id, "displayName": "Native"},
        "scheduledCalls": [
            {"address": address, "templateContext": {"first_name": name}}
            for address, name in PEOPLE
        ],
    }
    made = await site("POST", "/outdial/v1/batches", json=body)
    batch_id: str = made["batch"]["batchId"]
    return batch_id


async def by_ultravox(site: Site) -> str:
    body = {
        "calls": [
            {
                "medium": {"twilio": {"outgoing": {"to": address, "from": CALLER_ID}}},
                "templateContext": {"first_name": name},
            }
            for address, name in PEOPLE
        ]
    }
    made = await site("POST", f"/api/agents/{site.agent_id}/scheduled_batches", 201, json=body)
    batch_id: str = made["batchId"]
    return batch_id


async def by_truedy(site: Site) -> str:
    body = {
        "name": "Truedy",
        "agent_id": site.agent_id,
        "working_days": [1, 2, 3, 4, 5, 6, 7],
        "contacts": [{"phone_number": address, "first_name": name} for address, name in PEOPLE],
    }
    made = await site("POST", "/api/public/v1/batch-calls", 201, json=body)
    batch_id: str = made["data"]["id"]
    await site("POST", f"/api/public/v1/batch-calls/{batch_id}/schedule", 201)
    return batch_id


async def by_speechify(site: Site) -> str:
    body = {
        "name": "Speechify",
        "agent_id": speechify_id("agent", site.agent_id),
        "recipients": [
            {"phone": address, "dynamic_variables": {"first_name": name}}
            for address, name in PEOPLE
        ],
    }
    made = await site("POST", "/v1/agents/batch-calls", 202, json=body)
    return uuid_from("batch", made["id"])


# --- read in the words of each: whom it called, sorted, and how many it reached


Read = tuple[list[str], int]


async def in_native(site: Site, batch_id: str) -> Read:
    path = f"/outdial/v1/batches/{batch_id}"
    batch = (await site("GET", path))["batch"]
    listed = (await site("GET", "/outdial/v1/batches"))["batches"]
    assert batch_id in [one["batchId"] for one in listed]
    rows = (await site("GET", f"{path}/scheduled-calls"))["scheduledCalls"]
    return sorted(row["address"] for row in rows), int(batch["counts"]["completed"])


async def in_ultravox(site: Site, batch_id: str) -> Read:
    path = f"/api/agents/{site.agent_id}/scheduled_batches"
    batch = await site("GET", f"{path}/{batch_id}")
    listed = (await site("GET", path))["results"]
    assert batch_id in [one["batchId"] for one in listed]
    rows = await site("GET", f"{path}/{batch_id}/scheduled_calls", params={"pageSize": 50})
    calls = await site("GET", f"{path}/{batch_id}/created_calls", params={"pageSize": 50})
    assert len(rows["results"]) == len(calls["results"]) == len(PEOPLE)
    assert {row["status"] for row in rows["results"]} == {"SUCCESS"}
    # Whom it called is said by the medium, which is only there for carriers that Ultravox knows.
    told = [row["templateContext"]["first_name"] for row in rows["results"]]
    by_name = {name: address for address, name in PEOPLE}
    return sorted(by_name[name] for name in told), batch["completedCount"]


async def in_truedy(site: Site, batch_id: str) -> Read:
    path = "/api/public/v1/batch-calls"
    batch = (await site("GET", f"{path}/{batch_id}"))["data"]
    listed = (await site("GET", path))["data"]
    assert batch_id in [one["id"] for one in listed]
    params = {"limit": 100}
    people = (await site("GET", f"{path}/{batch_id}/contacts", params=params))["data"]
    return sorted(one["phone_number"] for one in people), batch["completed"]


async def in_speechify(site: Site, batch_id: str) -> Read:
    path, id_ = "/v1/agents/batch-calls", speechify_id("batch", batch_id)
    batch = await site("GET", f"{path}/{id_}")
    assert batch["status"] == "completed"
    listed = (await site("GET", path))["batches"]
    assert id_ in [one["id"] for one in listed]
    people = (await site("GET", f"{path}/{id_}/recipients"))["recipients"]
    assert {one["status"] for one in people} == {"completed"}
    return sorted(one["phone"] for one in people), batch["completed"]


MADE_BY: dict[str, Callable[[Site], Awaitable[str]]] = {
    "native": by_native,
    "ultravox": by_ultravox,
    "truedy": by_truedy,
    "speechify": by_speechify,
}
READ_IN: dict[str, Callable[[Site, str], Awaitable[Read]]] = {
    "native": in_native,
    "ultravox": in_ultravox,
    "truedy": in_truedy,
    "speechify": in_speechify,
}


async def made(site: Site, by: str) -> str:
    """Its batch, over; once for the module."""
    if by not in site.batches:
        site.batches[by] = await MADE_BY[by](site)
        await site.until_over(site.batches[by])
        site.dials[by] = site.carrier.taken()
    return site.batches[by]


@pytest.mark.parametrize("by", MADE_BY)
async def test_the_same_people_are_the_same_dials(site: Site, by: str) -> None:
    await made(site, by)
    assert site.dials[by] == DIALS


@pytest.mark.parametrize("by", MADE_BY)
@pytest.mark.parametrize("read_in", READ_IN)
async def test_each_surface_reads_what_another_has_made(site: Site, by: str, read_in: str) -> None:
    assert await READ_IN[read_in](site, await made(site, by)) == (ADDRESSES, len(PEOPLE))
