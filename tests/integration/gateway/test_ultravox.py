"""Ultravox's API on a whole server: documented exchanges, and the moves that take time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer
from outdial_server.settings import Settings
from support.call_receiver import Told, call_receiver
from support.golden import Golden, GoldenFile, golden_files

PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("server")
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile="fast,magic_numbers=true",
        outgoing_allow="127.0.0.1",
        drain_seconds=0.2,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(grpc_server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{grpc_server.http_port}",
        headers={"X-API-Key": OPERATOR_KEY},
        timeout=PATIENCE_SECONDS,
    ) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(http: httpx.AsyncClient) -> str:
    made = await http.post("/outdial/v1/agents", json={"agent": {"displayName": "Reminder"}})
    agent_id: str = made.json()["agent"]["agentId"]
    return agent_id


@pytest.mark.parametrize("file", golden_files("ultravox"), ids=lambda file: file.name)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_documented_is_answered_as_documented(
    http: httpx.AsyncClient, agent: str, file: GoldenFile
) -> None:
    await Golden(http, agent=agent).run(file)


async def made(http: httpx.AsyncClient, agent: str, **body: Any) -> dict[str, Any]:
    answer = await http.post(f"/api/agents/{agent}/scheduled_batches", json=body)
    assert answer.status_code == 201, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


async def read(http: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await http.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until_over(http: httpx.AsyncClient, batch: dict[str, Any]) -> None:
    path = f"/outdial/v1/batches/{batch['batchId']}:watch"
    async with asyncio.timeout(PATIENCE_SECONDS), http.stream("GET", path) as stream:
        async for _ in stream.aiter_lines():
            pass


async def until_dispatched(http: httpx.AsyncClient, batch: dict[str, Any], calls: int) -> None:
    path = f"/outdial/v1/batches/{batch['batchId']}"
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        http.stream("GET", f"{path}:watch") as stream,
    ):
        async for _ in stream.aiter_lines():
            counts = (await read(http, path))["batch"]["counts"]
            if int(counts.get("dispatchAccepted", 0)) == calls:
                return


def twilio(*numbers: str) -> list[dict[str, Any]]:
    return [{"medium": {"twilio": {"outgoing": {"to": number}}}} for number in numbers]


@pytest.mark.asyncio(loop_scope="module")
async def test_calls_are_successes_or_errors_and_the_batch_ends(
    http: httpx.AsyncClient, agent: str
) -> None:
    batch = await made(http, agent, calls=twilio("+15552000100", "+15552000106"))
    await until_over(http, batch)
    at = f"/api/agents/{agent}/scheduled_batches/{batch['batchId']}"
    over = await read(http, at)
    assert (over["completedCount"], over["paused"]) == (2, False)
    assert over["endedAt"] > over["created"]
    good, bad = (await read(http, f"{at}/scheduled_calls"))["results"]
    assert (good["status"], good["error"]) == ("SUCCESS", None)
    assert bad["status"] == "ERROR"
    assert bad["error"]
    for status, found in (("SUCCESS", [good]), ("ERROR", [bad]), ("FUTURE", []), ("EXPIRED", [])):
        page = await read(http, f"{at}/scheduled_calls", status=status)
        assert (page["results"], page["total"]) == (found, len(found))
    calls = await read(http, f"{at}/created_calls")
    assert {call["callId"] for call in calls["results"]} == {good["callId"], bad["callId"]}
    call = next(call for call in calls["results"] if call["callId"] == good["callId"])
    assert (call["endReason"], call["medium"]) == ("hangup", good["medium"])
    assert call["created"] <= call["joined"] <= call["ended"]
    answer = await http.patch(at, json={"paused": True})
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_deleted_call_is_gone_and_its_entry_says_what_it_did(
    http: httpx.AsyncClient, agent: str
) -> None:
    batch = await made(http, agent, calls=twilio("+15552000100"))
    await until_over(http, batch)
    at = f"/api/agents/{agent}/scheduled_batches/{batch['batchId']}"
    before = await read(http, f"{at}/scheduled_calls"), await read(http, at)
    call = f"/api/calls/{before[0]['results'][0]['callId']}"
    answer = await http.delete(call)
    assert (answer.status_code, answer.content) == (204, b"")
    for gone in (await http.get(call), await http.delete(call)):
        assert (gone.status_code, gone.json()) == (404, {"detail": "Not found."})
    assert (await read(http, f"{at}/created_calls"))["total"] == 0
    assert (await read(http, f"{at}/scheduled_calls"), await read(http, at)) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_the_webhook_is_told_and_what_it_answers_decides(
    http: httpx.AsyncClient, agent: str
) -> None:
    may_answer = asyncio.Event()

    async def answer(told: Told) -> web.StreamResponse:
        await may_answer.wait()
        return web.Response(status=204)

    async with call_receiver(answer) as receiver:
        batch = await made(
            http,
            agent,
            webhookUrl=receiver.url,
            webhookSecret="s3cr3t-s3cr3t-s3cr3t",
            calls=[{"medium": {"webRtc": {}}, "metadata": {"phone": "+15551230003"}}],
        )
        assert batch["webhookSecret"] == "s3cr3t-s3cr3t-s3cr3t"
        at = f"/api/agents/{agent}/scheduled_batches/{batch['batchId']}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            await receiver.was_asked.wait()
        (pending,) = (await read(http, f"{at}/scheduled_calls", status="PENDING"))["results"]
        assert pending["medium"] == {"webRtc": {}}
        may_answer.set()
        (told,) = receiver.told
        assert told["event"] == "call.started"
        assert told["call"]["medium"] == {"webRtc": {}}
        assert told["call"]["metadata"] == {"phone": "+15551230003"}
        call_id = told["call"]["callId"]
        refused = await http.delete(f"/api/calls/{call_id}")
        assert (refused.status_code, list(refused.json())) == (400, ["detail"]), "it goes on"
        reported = await http.post(f"/outdial/v1/calls/{call_id}:report", json={"ended": {}})
        assert reported.status_code == 200, reported.text
        await until_over(http, batch)
        (over,) = (await read(http, f"{at}/scheduled_calls"))["results"]
        assert (over["status"], over["callId"]) == ("SUCCESS", call_id)
        here = (await read(http, f"/outdial/v1/batches/{batch['batchId']}"))["batch"]
        dispatched, ended = here["dispatchEndTime"], here["endTime"]
        assert datetime.fromisoformat(dispatched) <= datetime.fromisoformat(ended)
        told_at = datetime.fromisoformat((await read(http, at))["endedAt"])
        assert told_at == datetime.fromisoformat(dispatched)


@pytest.mark.asyncio(loop_scope="module")
async def test_calls_of_a_running_batch_are_replaced_while_it_runs(
    http: httpx.AsyncClient, agent: str
) -> None:
    """Its throttle lets one go a day."""
    rules = [{"maxCalls": 1, "windowSeconds": 86_400}]
    one_a_day = await http.post("/api/call_throttles", json={"name": "one a day", "rules": rules})
    assert one_a_day.status_code == 201, one_a_day.text
    old = twilio("+15552000100", "+15552000101", "+15552000102")
    batch = await made(http, agent, calls=old, throttle="one a day")
    at = f"/api/agents/{agent}/scheduled_batches/{batch['batchId']}"
    await until_dispatched(http, batch, 1)
    new = twilio("+15552000102", "+15552000103", "+15552000104")
    patched = await http.patch(at, json={"calls": new})
    assert patched.status_code == 200, patched.text
    told = patched.json()
    assert (told["paused"], told["totalCount"], told["completedCount"]) == (False, 4, 1)
    rows = (await read(http, f"{at}/scheduled_calls"))["results"]
    assert [row["status"] for row in rows] == ["SUCCESS", "FUTURE", "FUTURE", "FUTURE"]
    assert [row["medium"] for row in rows] == [row["medium"] for row in old[:1] + new]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_call_that_its_throttle_has_no_room_for_is_told_when_to_come_again(
    http: httpx.AsyncClient, agent: str
) -> None:
    """A batch has used it up: nobody has to wait until a call of the test's own has gone."""
    rules = [{"maxCalls": 1, "windowSeconds": 86_400}]
    await http.post("/api/call_throttles", json={"name": "used up", "rules": rules})
    batch = await made(http, agent, calls=twilio("+15552000100"), throttle="used up")
    await until_over(http, batch)
    at, (call,) = f"/api/agents/{agent}/calls", twilio("+15552000101")
    late = await http.post(at, params={"throttle": "used up"}, json=call)
    assert (late.status_code, list(late.json())) == (429, ["detail"])
    assert 0 < int(late.headers["retry-after"]) <= 86_400
    unknown = await http.post(at, params={"throttle": "none"}, json=call)
    assert (unknown.status_code, list(unknown.json())) == (400, ["throttle"])
    without = await http.post(at, json=call)
    assert without.status_code == 201, without.text


@pytest.mark.asyncio(loop_scope="module")
async def test_secrets_are_read_back_by_who_may_set_them(
    http: httpx.AsyncClient, agent: str
) -> None:
    batch = await made(
        http,
        agent,
        paused=True,
        webhookUrl="https://hooks.example.org/batch",
        webhookSecret="first of the batch",
        calls=[{"medium": {"webRtc": {}}}],
    )
    batches = f"/api/agents/{agent}/scheduled_batches"
    at = f"{batches}/{batch['batchId']}"
    assert (await read(http, at))["webhookSecret"] == "first of the batch"
    changed = await http.patch(at, json={"webhookSecret": "second of the batch"})
    assert changed.json()["webhookSecret"] == "second of the batch"
    listed = (await read(http, batches))["results"][0]
    assert (listed["batchId"], listed["webhookSecret"]) == (batch["batchId"], "second of the batch")
    native = f"/outdial/v1/batches/{batch['batchId']}"
    assert "webhookSecret" not in (await read(http, native))["batch"]
    shown = await read(http, native, showWebhookSecret="true")
    assert shown["batch"]["webhookSecret"] == "second of the batch"

    hook = {"url": "https://hooks.example.org/account", "events": ["call.ended"]}
    webhook = (await http.post("/api/webhooks", json={**hook, "secrets": ["of a webhook"]})).json()
    told = (await read(http, "/api/webhooks"))["results"]
    assert ["of a webhook"] in [one["secrets"] for one in told]

    key = await http.post(
        "/outdial/v1/api-keys",
        json={"apiKey": {"displayName": "R", "scopes": ["API_KEY_SCOPE_READ"]}},
    )
    only_reads = {"X-API-Key": key.json()["secret"]}
    for path in (at, f"{native}?showWebhookSecret=true", f"/api/webhooks/{webhook['webhookId']}"):
        hidden = await http.get(path, headers=only_reads)
        assert hidden.status_code == 200, hidden.text
        assert "of the batch" not in hidden.text
        assert "of a webhook" not in hidden.text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_paused_batch_expires_when_its_window_closes(
    http: httpx.AsyncClient, agent: str
) -> None:
    far = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    batch = await made(http, agent, windowStart=far, calls=twilio("+15552000100"))
    at = f"/api/agents/{agent}/scheduled_batches/{batch['batchId']}"
    held = await http.patch(at, json={"paused": True})
    assert held.json()["paused"] is True
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    moved = await http.patch(at, json={"windowStart": None, "windowEnd": soon})
    assert moved.status_code == 200, moved.text
    await until_over(http, batch)
    (expired,) = (await read(http, f"{at}/scheduled_calls"))["results"]
    assert (expired["status"], expired["callId"]) == ("EXPIRED", None)
    over = await read(http, at)
    assert (over["completedCount"], over["totalCount"]) == (0, 1)
    assert over["endedAt"] is not None


@pytest.mark.asyncio(loop_scope="module")
async def test_a_long_list_keeps_its_order_and_is_paged_anywhere(
    http: httpx.AsyncClient, agent: str
) -> None:
    """More than a slice of any of those who pass it on."""
    numbers = [f"+1555{n:07d}" for n in range(1205)]
    batch = await made(http, agent, paused=True, calls=twilio(*numbers))
    assert batch["totalCount"] == len(numbers)
    at: str | None = f"/api/agents/{agent}/scheduled_batches/{batch['batchId']}/scheduled_calls"
    found = list[str]()
    query = {"pageSize": "200"}
    while at is not None:
        page = await read(http, at, **query)
        found += [call["medium"]["twilio"]["outgoing"]["to"] for call in page["results"]]
        at, query = page["next"], {}
    assert found == numbers
