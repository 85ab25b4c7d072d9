"""The native REST surface on a whole server."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer
from outdial_server.domain.limits import REQUEST_MAX_BYTES

PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Rest:
    http: httpx.AsyncClient

    async def __call__(
        self, verb: str, path: str, *, status: int = 200, **options: Any
    ) -> dict[str, Any]:
        answer = await self.http.request(verb, path, **options)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def refused(self, verb: str, path: str, status: int, **options: Any) -> dict[str, Any]:
        """The error's body, its details by their kind."""
        error: dict[str, Any] = (await self(verb, path, status=status, **options))["error"]
        assert error["code"] == status
        details = {detail.pop("@type").rpartition(".")[2]: detail for detail in error["details"]}
        return {**error, **details}

    async def agent(self, name: str) -> str:
        made = await self("POST", "/agents", json={"agent": {"displayName": name}})
        agent_id: str = made["agent"]["agentId"]
        return agent_id

    async def batch(self, people: int, **settings: Any) -> str:
        agents = await self("GET", "/agents", params={"pageSize": "1"})
        agent_id = agents["agents"][0]["agentId"] if agents else await self.agent("Ada")
        made = await self(
            "POST",
            "/batches",
            json={
                "batch": {"agentId": agent_id, "displayName": "Reminders", **settings},
                "scheduledCalls": [{"address": f"+1555{n:07d}"} for n in range(people)],
            },
        )
        batch_id: str = made["batch"]["batchId"]
        return batch_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(grpc_server: RunningServer) -> AsyncIterator[Rest]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{grpc_server.http_port}/outdial/v1",
        headers={"x-api-key": OPERATOR_KEY},
        timeout=PATIENCE_SECONDS,
    ) as http:
        yield Rest(http)


async def watched(rest: Rest, batch_id: str, **headers: str) -> list[dict[str, str]]:
    """The events of a stream to its end, as a browser reads them."""
    events, event = list[dict[str, str]](), dict[str, str]()
    path = f"/batches/{batch_id}:watch"
    accept = {"accept": "text/event-stream", **headers}
    params = {"delivery": "WATCH_DELIVERY_EVERY_EVENT"}
    async with rest.http.stream("GET", path, headers=accept, params=params) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        async for line in answer.aiter_lines():
            name, _, text = line.partition(": ")
            if name:
                event[name] = text
            else:
                events.append(event)
                event = {}
    return events


def sequences(events: list[dict[str, str]]) -> list[int]:
    messages = [json.loads(event["data"]) for event in events]
    return [int(told["sequence"]) for message in messages for told in message.get("events", ())]


@pytest.mark.asyncio(loop_scope="module")
class TestNative:
    async def test_a_batch_is_made_and_watched_to_its_end_and_read(self, rest: Rest) -> None:
        await rest.agent("Grace")
        batch_id = await rest.batch(3)
        events = await watched(rest, batch_id)
        last = json.loads(events[-1]["data"])
        assert (last["state"], last["batchEnded"]) == ("BATCH_STATE_COMPLETED", True)
        rows = await rest("GET", f"/batches/{batch_id}/scheduled-calls", params={"page_size": 2})
        assert [row["state"] for row in rows["scheduledCalls"]] == [
            "SCHEDULED_CALL_STATE_COMPLETED"
        ] * 2
        assert rows["nextPageToken"]

    async def test_a_stream_goes_on_behind_the_last_event_that_a_browser_had(
        self, rest: Rest
    ) -> None:
        batch_id = await rest.batch(5)
        # Whole, from the first event on.
        await watched(rest, batch_id)
        told = await rest("GET", f"/batches/{batch_id}/events", params={"pageSize": 1000})
        everything = [int(event["sequence"]) for event in told["events"]]
        begun = [event for event in await watched(rest, batch_id) if "id" in event]
        resumed = await watched(rest, batch_id, **{"last-event-id": begun[0]["id"]})
        seen = int(json.loads(begun[0]["data"])["sequence"])
        assert sequences(resumed) == [number for number in everything if number > seen]

    async def test_a_stream_for_programs_is_an_object_a_line(self, rest: Rest) -> None:
        batch_id = await rest.batch(4, windowStart="2099-01-01T00:00:00Z")
        answer = await rest.http.get(f"/batches/{batch_id}/scheduled-calls:export")
        assert answer.headers["content-type"] == "application/x-ndjson"
        messages = [json.loads(line) for line in answer.text.splitlines()]
        rows = [row for message in messages for row in message["results"]]
        assert len(rows) == 4

    async def test_a_client_that_leaves_ends_its_stream(
        self, rest: Rest, grpc_server: RunningServer
    ) -> None:
        batch_id = await rest.batch(1, windowStart="2099-01-01T00:00:00Z")
        async with rest.http.stream("GET", f"/batches/{batch_id}:watch") as answer:
            # Kept: with the last of it the connection goes, too.
            lines = answer.aiter_lines()
            await anext(lines)
            assert await open_watches(grpc_server, 1)
        assert await open_watches(grpc_server, 0)

    async def test_what_a_body_names_is_what_changes(self, rest: Rest) -> None:
        agent_id = await rest.agent("Mary")
        path = f"/agents/{agent_id}"
        changed = await rest("PATCH", path, json={"display_name": "Mary J.", "prompt": "Hi"})
        assert changed["agent"]["displayName"] == "Mary J."
        changed = await rest("PATCH", path, json={"prompt": None})
        assert "prompt" not in changed["agent"]
        assert changed["agent"]["displayName"] == "Mary J."
        masked = await rest(
            *("PATCH", path),
            json={"displayName": "Mary Jackson", "prompt": "not this"},
            params={"updateMask": "displayName"},
        )
        assert masked["agent"]["displayName"] == "Mary Jackson"
        assert "prompt" not in masked["agent"]

    async def test_a_change_of_what_others_have_changed_is_refused(self, rest: Rest) -> None:
        agent_id = await rest.agent("Katherine")
        answer = await rest.http.get(f"/agents/{agent_id}")
        etag = answer.headers["etag"]
        assert etag == answer.json()["agent"]["etag"]
        path, condition = f"/agents/{agent_id}", {"if-match": etag}
        await rest("PATCH", path, json={"prompt": "first"}, headers=condition)
        late = await rest.refused(
            *("PATCH", path, 412), json={"prompt": "second"}, headers=condition
        )
        assert late["ErrorInfo"]["reason"] == "ETAG_MISMATCH"
        body = {"prompt": "second", "etag": etag}
        assert (await rest.refused("PATCH", path, 409, json=body))["status"] == "ABORTED"
        odd = await rest.refused("GET", path, 400, headers=condition)
        assert odd["BadRequest"]["fieldViolations"][0]["field"] == "if-match"

    @pytest.mark.parametrize(
        ("verb", "path", "options", "status", "field"),
        [
            ("POST", "/agents", {"json": {"agent": {"displayName": 5}}}, 400, "agent.display_name"),
            ("POST", "/agents", {"json": {"agent": {}}}, 400, "agent.display_name"),
            ("POST", "/agents", {"json": []}, 400, "body"),
            ("POST", "/agents", {"content": b'{"agent"'}, 400, "body"),
            ("POST", "/agents", {"content": b"\xff"}, 400, "body"),
            ("POST", "/agents", {"data": {"a": "b"}}, 400, "body"),
            ("POST", "/agents?agent=1", {"json": {}}, 400, "agent"),
            ("GET", "/agents?pageSize=many", {}, 400, "page_size"),
            ("GET", "/agents?page_size=1&pageSize=2", {}, 400, "pageSize"),
            ("GET", "/agents?nothing=1", {}, 400, "nothing"),
            ("GET", "/agents?agent.name=1", {}, 400, "agent.name"),
            ("GET", "/agents?pageSize=%FF", {}, 400, "query"),
            ("GET", "/agents", {"json": {}}, 400, "body"),
            ("GET", "/batches?states=DONE", {}, 400, "states[0]"),
        ],
    )
    async def test_a_wrong_request_is_told_with_its_field(
        self, rest: Rest, verb: str, path: str, options: dict[str, Any], status: int, field: str
    ) -> None:
        error = await rest.refused(verb, path, status, **options)
        assert error["status"] == "INVALID_ARGUMENT"
        assert error["ErrorInfo"]["reason"] == "INVALID_FIELD"
        assert [v["field"] for v in error["BadRequest"]["fieldViolations"]] == [field]

    async def test_the_body_and_the_path_are_of_one_resource(self, rest: Rest) -> None:
        agent_id = await rest.agent("Dorothy")
        other = {"agentId": "01a1ff6a-d442-70da-9b60-42e8d765b1cc", "prompt": "x"}
        error = await rest.refused("PATCH", f"/agents/{agent_id}", 400, json=other)
        assert error["message"].startswith("agent.agent_id: is another one")

    async def test_there_are_no_other_paths_and_no_other_methods(self, rest: Rest) -> None:
        assert (await rest.refused("GET", "/nothing", 404))["status"] == "NOT_FOUND"
        assert (await rest.refused("GET", "/agents/a/b/c", 404))["status"] == "NOT_FOUND"
        answer = await rest.http.put("/agents")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")

    async def test_a_key_comes_first(self, rest: Rest) -> None:
        """Nothing is said of a request whose sender nobody knows."""
        error = await rest.refused(
            *("POST", "/agents", 401), content=b"{", headers={"x-api-key": "nobody.s"}
        )
        assert error["ErrorInfo"]["reason"] == "API_KEY_INVALID"
        bearer = {"x-api-key": "", "authorization": f"Bearer {OPERATOR_KEY}"}
        assert (await rest.http.get("/account", headers=bearer)).status_code == 200

    async def test_a_body_is_json_whatever_its_type_says(self, rest: Rest) -> None:
        """As curl sends it that is told nothing of a type."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        body = b'{"agent": {"displayName": "Curl"}}'
        made = await rest("POST", "/agents", content=body, headers=form)
        assert made["agent"]["displayName"] == "Curl"

    async def test_the_faults_of_a_long_list_are_named_by_their_place(self, rest: Rest) -> None:
        agent_id = await rest.agent("Radia")
        people: list[dict[str, Any]] = [{"address": f"+1555{n:07d}"} for n in range(1200)]
        people[600]["address"] = 5
        people[1100] = {"adress": "+15551234567"}
        body = {"scheduledCalls": people, "batch": {"agentId": agent_id, "displayName": "Long"}}
        error = await rest.refused("POST", "/batches", 400, json=body)
        assert [v["field"] for v in error["BadRequest"]["fieldViolations"]] == [
            "scheduled_calls[600].address",
            "scheduled_calls[1100].adress",
        ]
        people[600]["address"], people[1100] = "+15550000600", {"address": "+15550001100"}
        made = await rest("POST", "/batches", json={**body, "draft": True})
        assert made["batch"]["counts"]["total"] == "1200"
        params = {"skip": "1099", "pageSize": "2"}
        path = f"/batches/{made['batch']['batchId']}/scheduled-calls"
        listed = await rest("GET", path, params=params)
        assert [row["address"] for row in listed["scheduledCalls"]] == [
            "+15550001099",
            "+15550001100",
        ]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"scheduledCalls": [{"address": "+15551234567"}', "body"),
            (b'{"scheduledCalls": [], "scheduled_calls": []}', "scheduled_calls"),
            (b'{"scheduledCalls": {"address": "+15551234567"}}', "scheduled_calls"),
            (b'{"scheduledCalls": [["+15551234567"]]}', "scheduled_calls[0]"),
        ],
    )
    async def test_a_long_list_that_cannot_be_read_leaves_nothing(
        self, rest: Rest, body: bytes, field: str
    ) -> None:
        before = await rest("GET", "/batches", params={"showTotalSize": "true"})
        error = await rest.refused("POST", "/batches", 400, content=body)
        assert field in [v["field"] for v in error["BadRequest"]["fieldViolations"]]
        after = await rest("GET", "/batches", params={"showTotalSize": "true"})
        assert after.get("totalSize") == before.get("totalSize")

    async def test_a_request_has_the_name_that_it_was_given(self, rest: Rest) -> None:
        answer = await rest.http.get("/account", headers={"x-request-id": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"

    @pytest.mark.parametrize(
        "length", [f"content-length: {REQUEST_MAX_BYTES + 1}", "transfer-encoding: chunked"]
    )
    async def test_a_body_that_is_too_long_is_refused_before_it_is_read_whole(
        self, grpc_server: RunningServer, length: str
    ) -> None:
        head = ["POST /outdial/v1/agents HTTP/1.1", "host: outdial", f"x-api-key: {OPERATOR_KEY}"]
        reader, writer = await asyncio.open_connection("127.0.0.1", grpc_server.http_port)
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.write("\r\n".join([*head, length, "", ""]).encode())
            answer = asyncio.ensure_future(reader.readline())
            while "chunked" in length and not answer.done():
                # Without an end; the server takes no more of it than it must.
                writer.write(b"f4240\r\n" + b" " * 1_000_000 + b"\r\n")
                drained = asyncio.ensure_future(writer.drain())
                await asyncio.wait({answer, drained}, return_when=asyncio.FIRST_COMPLETED)
            assert (await answer).split()[1] == b"413"
        writer.close()


async def open_watches(server: RunningServer, count: int) -> bool:
    """Returns when so many are open."""
    name = 'outdial_grpc_open_requests{method="/outdial.v1.BatchService/WatchBatch"} '
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}") as http,
    ):
        while f"{name}{count}.0" not in (await http.get("/metrics")).text:
            pass
    return True
