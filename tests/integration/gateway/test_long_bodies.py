"""Bodies that are too long are refused before they are there, on each surface, with and without
a key of the sender's."""

import asyncio
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer
from outdial_server.domain.limits import REQUEST_MAX_BYTES
from outdial_server.settings import Settings

PATIENCE_SECONDS = 60
PIECE = b"10000\r\n" + b" " * 0x10000 + b"\r\n"

PATHS = {
    "native": "/outdial/v1/batches",
    "Ultravox": "/api/agents/{agent}/scheduled_batches",
    "Truedy": "/api/public/v1/batch-calls",
    "Speechify": "/v1/agents/batch-calls",
}
KEYS = {
    "no key": "",
    "X-Idempotency-Key": "X-Idempotency-Key: one\r\n",
    "Idempotency-Key": "Idempotency-Key: one\r\n",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("server")
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        drain_seconds=0.2,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(grpc_server: RunningServer) -> str:
    url = f"http://127.0.0.1:{grpc_server.http_port}/outdial/v1/agents"
    async with httpx.AsyncClient(headers={"x-api-key": OPERATOR_KEY}) as http:
        made = await http.post(url, json={"agent": {"displayName": "Reminder"}})
    agent_id: str = made.json()["agent"]["agentId"]
    return agent_id


async def status_of(server: RunningServer, head: str) -> int:
    """Of a request whose body has no end: the server takes no more of it than it must."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    sent = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        writer.write(head.encode())
        answer = asyncio.ensure_future(reader.readline())
        while "chunked" in head and not answer.done():
            assert sent < 4 * REQUEST_MAX_BYTES, "all of it is taken"
            writer.write(PIECE)
            sent += len(PIECE)
            drained = asyncio.ensure_future(writer.drain())
            await asyncio.wait({answer, drained}, return_when=asyncio.FIRST_COMPLETED)
        status = int((await answer).split()[1])
    writer.close()
    return status


@pytest.mark.parametrize(
    "length", [f"content-length: {REQUEST_MAX_BYTES + 1}", "transfer-encoding: chunked"]
)
@pytest.mark.parametrize(
    ("surface", "key"),
    [
        ("native", "no key"),
        ("Ultravox", "no key"),
        ("Truedy", "no key"),
        ("Truedy", "X-Idempotency-Key"),
        ("Speechify", "no key"),
        ("Speechify", "Idempotency-Key"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_too_long_is_refused_before_it_is_there(
    grpc_server: RunningServer, agent: str, surface: str, key: str, length: str
) -> None:
    head = (
        f"POST {PATHS[surface].format(agent=agent)} HTTP/1.1\r\nhost: outdial\r\n"
        "content-type: application/json\r\n"
        f"x-api-key: {OPERATOR_KEY}\r\nauthorization: Bearer {OPERATOR_KEY}\r\n"
        f"{KEYS[key]}{length}\r\n\r\n"
    )
    assert await status_of(grpc_server, head) == 413
