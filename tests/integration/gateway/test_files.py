"""CSV files over HTTP, on a whole server."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer
from outdial_server.domain.limits import IMPORT_FILE_MAX_BYTES

PATIENCE_SECONDS = 30

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(grpc_server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{grpc_server.http_port}/outdial/v1"
    headers = {"x-api-key": OPERATOR_KEY}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent_id(http: httpx.AsyncClient) -> str:
    made = await http.post("/agents", json={"agent": {"displayName": "Ada"}})
    agent_id: str = made.json()["agent"]["agentId"]
    return agent_id


def new_batch(agent_id: str, **more: str) -> dict[str, str]:
    named = {"newBatch.agentId": agent_id, "newBatch.displayName": "Monday", "draft": "true"}
    return {**named, **more}


async def upload(
    http: httpx.AsyncClient, path: str, file: str | bytes, params: dict[str, str]
) -> httpx.Response:
    return await http.post(path, content=file, params=params, headers={"content-type": "text/csv"})


def faults_of(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    (bad,) = [detail for detail in answer.json()["error"]["details"] if "fieldViolations" in detail]
    return {one["field"]: one["description"] for one in bad["fieldViolations"]}


async def test_a_file_makes_a_batch_and_its_results_are_a_file(
    http: httpx.AsyncClient, agent_id: str
) -> None:
    people = "phone,first name,custom_id\n+15550000001,Ada,a\n+15550000002,Bo,b\n"
    params = new_batch(agent_id, draft="false")
    made = (await upload(http, "/batches:import", people, params)).json()
    assert (made["import"]["addedCount"], made["batch"]["counts"]["total"]) == ("2", "2")
    path = f"/batches/{made['batch']['batchId']}"
    async with http.stream("GET", f"{path}:watch") as events:
        assert '"batchEnded":true' in [line async for line in events.aiter_lines()][-1]
    export = f"{path}/scheduled-calls:export"
    table = await http.get(export, headers={"accept": "text/csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["custom_id"], row["context.first name"]) for row in rows] == [
        ("a", "Ada"),
        ("b", "Bo"),
    ]
    assert {row["state"] for row in rows} <= {"completed", "failed"}
    gone = await http.get(
        f"/batches/{agent_id}/scheduled-calls:export", headers=table.request.headers
    )
    assert (gone.status_code, gone.json()["error"]["status"]) == (404, "NOT_FOUND")


async def test_a_file_is_added_to_a_batch_that_is_there(
    http: httpx.AsyncClient, agent_id: str
) -> None:
    first = "Handy;name\n+15550000001;Ada\n"
    params = new_batch(agent_id, **{"columns.phone": "Handy", "columns.metadata": "name"})
    made = (await upload(http, "/batches:import", first, params)).json()["batch"]
    path = f"/batches/{made['batchId']}/scheduled-calls"
    second = "phone\n" + "".join(f"+1555{n:07d}\n" for n in range(1, 1201))
    added = (await upload(http, f"{path}:import", second, {})).json()
    assert added["batch"]["counts"]["total"] == "1201"
    listed = (await http.get(path, params={"pageSize": "1"})).json()["scheduledCalls"]
    assert listed[0]["metadata"] == {"name": "Ada"}


async def test_contacts_come_as_a_file_too(http: httpx.AsyncClient) -> None:
    body = {"contactFolder": {"displayName": "Customers"}}
    folder = (await http.post("/contact-folders", json=body)).json()["contactFolder"]
    path = f"/contact-folders/{folder['contactFolderId']}/contacts:import"
    told = (await upload(http, path, "phone,fname\n+15550000001,Ada\n", {})).json()
    assert told["import"]["addedCount"] == "1"


@pytest.mark.parametrize(
    ("file", "more", "field", "words"),
    [
        (b"", {}, "body", "the file is empty"),
        (b"name\nAda\n", {}, "body", "phone"),
        (b"phone\n+15550000001\nfive\n", {}, "rows[3].address", ""),
        (b"phone\n+15550000001\n", {"columns.phone": "Handy"}, "body", "Handy"),
        (b"phone\n+15550000001\n", {"columns.nothing": "a"}, "columns.nothing", "is not known"),
        (b"phone\n+15550000001\n", {"nothing": "a"}, "nothing", "is not known"),
        (b"phone\n+15550000001\n", {"badRows": "perhaps"}, "bad_rows", "must be one of"),
    ],
)
async def test_what_is_wrong_is_said_by_its_place_and_leaves_nothing(
    http: httpx.AsyncClient,
    agent_id: str,
    file: bytes,
    more: dict[str, str],
    field: str,
    words: str,
) -> None:
    before = await count_of_batches(http)
    answer = await upload(http, "/batches:import", file, new_batch(agent_id, **more))
    faults = faults_of(answer)
    assert words in faults[field]
    assert await count_of_batches(http) == before


async def count_of_batches(http: httpx.AsyncClient) -> str:
    told: dict[str, Any] = (await http.get("/batches", params={"showTotalSize": "true"})).json()
    count: str = told.get("totalSize", "0")
    return count


async def test_nobody_s_file_is_read_without_a_key(grpc_server: RunningServer) -> None:
    head = [
        "POST /outdial/v1/batches:import HTTP/1.1",
        "host: outdial",
        "x-api-key: nobody.s",
        "transfer-encoding: chunked",
        "",
        "",
    ]
    assert await first_line("\r\n".join(head), grpc_server) == b"HTTP/1.1 401 Unauthorized\r\n"


async def test_a_file_that_is_too_long_is_refused_before_it_comes(
    grpc_server: RunningServer, agent_id: str
) -> None:
    query = f"newBatch.agentId={agent_id}&newBatch.displayName=Monday"
    head = [
        f"POST /outdial/v1/batches:import?{query} HTTP/1.1",
        "host: outdial",
        f"x-api-key: {OPERATOR_KEY}",
        f"content-length: {IMPORT_FILE_MAX_BYTES + 1}",
        "",
        "",
    ]
    assert (await first_line("\r\n".join(head), grpc_server)).startswith(b"HTTP/1.1 413 ")


async def first_line(head: str, server: RunningServer) -> bytes:
    """Of the answer to a request of which no more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    async with asyncio.timeout(PATIENCE_SECONDS):
        writer.write(head.encode())
        line = await reader.readline()
    writer.close()
    return line


async def test_a_file_that_breaks_off_leaves_nothing(
    http: httpx.AsyncClient, grpc_server: RunningServer, agent_id: str
) -> None:
    before = await count_of_batches(http)

    async def broken() -> AsyncIterator[bytes]:
        yield b"phone\n" + b"+15550000001\n" * 2000
        raise ConnectionError("the sender is gone")

    params = new_batch(agent_id)
    with pytest.raises(ConnectionError):
        await http.post("/batches:import", content=broken(), params=params)
    assert await count_of_batches(http) == before
    again = await upload(http, "/batches:import", "phone\n+15550000001\n", new_batch(agent_id))
    assert again.status_code == 200
