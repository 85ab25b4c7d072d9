"""The HTTP port on a real socket: who is let in, what is kept before it is answered, and
how it stops."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import httpx
import pytest

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.carriers.simulated.signature import HEADER, sign
from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.gateway import (
    NATIVE_PREFIX,
    CallbackRoutes,
    CallbackTokens,
    Health,
    HttpServer,
    NativeApp,
    build_http_app,
)
from outdial_server.gateway.callbacks import BODY_MOST_BYTES
from outdial_server.ports.carrier import Carrier, RawCallback

TOKEN = "a-token-that-nobody-guesses"
SECRET = "a-secret-of-the-carrier"
BODY = b'{"id": "SIM1", "call_id": "ours", "status": "ringing", "disposition": null}'
PATH = f"/callbacks/simulated/{TOKEN}"
PATIENCE_SECONDS = 25

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Taker:
    """Keeps callbacks in memory; can be made to fail, or to wait before it has taken one."""

    taken: list[RawCallback] = field(default_factory=list)
    failure: Exception | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_take: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, callback: RawCallback, carrier: Carrier) -> None:
        self.asked.set()
        await self.may_take.wait()
        if self.failure is not None:
            raise self.failure
        self.taken.append(callback)


@dataclass
class Port:
    """The port under test, and what stands around it."""

    number: int
    server: HttpServer
    taker: Taker
    client: httpx.AsyncClient
    ready: asyncio.Event

    async def call_back(
        self, path: str = PATH, body: bytes = BODY, secret: str = SECRET
    ) -> httpx.Response:
        headers = {HEADER: sign(secret, 1_700_000_000, body)}
        return await self.client.post(path, content=body, headers=headers)

    async def connect(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.number)


async def scrape() -> bytes:
    return b"dials_total 3.0\n"


@asynccontextmanager
async def open_port(listen: str = "127.0.0.1:0") -> AsyncIterator[Port]:
    carrier = HttpSimulatedCarrier("http://127.0.0.1:9", SECRET, "http://unused")

    async def find_carrier(name: str, config: ConfigRef | None) -> HttpSimulatedCarrier | None:
        return carrier if name == carrier.name and config is None else None

    taker, ready = Taker(), asyncio.Event()
    taker.may_take.set()
    routes = CallbackRoutes(
        CallbackTokens(TOKEN, lambda config_id: f"{TOKEN}-of-{config_id}"),
        find_carrier,
        taker.take,
    )
    server = HttpServer(
        build_http_app(
            lambda: Health(ready.is_set(), {} if ready.is_set() else {"database": "DATABASE_FULL"}),
            scrape,
            routes,
            {NATIVE_PREFIX: NativeApp(())},
        ),
        listen,
    )
    number = await server.start()
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{number}", timeout=PATIENCE_SECONDS
        ) as client:
            yield Port(number, server, taker, client, ready)
    finally:
        await server.stop()
        await carrier.close()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    async with open_port() as port:
        yield port


def code_of(answer: httpx.Response) -> str:
    code: str = answer.json()["error"]["code"]
    return code


async def test_a_callback_is_handed_on_whole(port: Port) -> None:
    answer = await port.call_back(f"{PATH}/status?attempt=2")
    assert (answer.status_code, answer.content) == (204, b"")
    [taken] = port.taker.taken
    assert (taken.carrier, taken.path, taken.query) == ("simulated", "status", "attempt=2")
    assert taken.body == BODY
    assert HEADER in taken.headers


async def test_a_callback_is_answered_only_once_it_is_taken(port: Port) -> None:
    port.taker.may_take.clear()
    answering = asyncio.create_task(port.call_back())
    await port.taker.asked.wait()
    # A whole exchange on the same port, which an answer would have overtaken.
    await port.client.get("/healthz")
    assert not answering.done()
    port.taker.may_take.set()
    assert (await answering).status_code == 204


@pytest.mark.parametrize(
    "path",
    [
        "/callbacks/simulated/another-token",
        f"/callbacks/simulated/{TOKEN}x",
        f"/callbacks/unknown/{TOKEN}",
        "/callbacks/simulated/%C3%A9",
        "/callbacks/simulated/%FF",
    ],
)
async def test_without_the_token_there_is_nothing_here(port: Port, path: str) -> None:
    answer = await port.call_back(path)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert not port.taker.taken


async def test_a_forged_callback_is_refused(port: Port) -> None:
    answer = await port.call_back(secret="another")
    assert (answer.status_code, code_of(answer)) == (403, "bad_signature")
    unsigned = await port.client.post(PATH, content=BODY)
    assert unsigned.status_code == 403
    assert not port.taker.taken


async def test_a_callback_that_cannot_be_taken_is_sent_again(port: Port) -> None:
    port.taker.failure = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the disk is full")
    answer = await port.call_back()
    assert (answer.status_code, code_of(answer)) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_fault_of_ours_is_a_500_that_gives_nothing_away(port: Port) -> None:
    port.taker.failure = RuntimeError("password is hunter2")
    answer = await port.call_back()
    assert (answer.status_code, code_of(answer)) == (500, "internal_error")
    assert "hunter2" not in answer.text


async def test_the_largest_body_is_taken(port: Port) -> None:
    assert (await port.call_back(body=b"x" * BODY_MOST_BYTES)).status_code == 204


@pytest.mark.parametrize("announced", [True, False])
async def test_a_larger_body_is_refused_before_the_rest_is_there(
    port: Port, announced: bool
) -> None:
    reader, writer = await port.connect()
    length = b"content-length: 10000000" if announced else b"transfer-encoding: chunked"
    writer.write(b"POST %b HTTP/1.1\r\nhost: here\r\n%b\r\n\r\n" % (PATH.encode(), length))
    piece = b"x" * (BODY_MOST_BYTES + 1)
    writer.write(piece if announced else b"%x\r\n%b\r\n" % (len(piece), piece))
    async with asyncio.timeout(PATIENCE_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        # What else is sent is not kept: the connection is at its end.
        await reader.read()
    writer.close()
    assert not port.taker.taken


async def test_a_carrier_that_goes_away_in_the_middle_leaves_nothing(
    port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await port.connect()
    writer.write(b"POST %b HTTP/1.1\r\nhost: here\r\ncontent-length: 10\r\n\r\nx" % PATH.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await port.call_back()).status_code == 204
    assert len(port.taker.taken) == 1
    assert not caplog.records


async def test_health_follows_readiness(port: Port) -> None:
    answer = await port.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "not_serving", "obstacles": {"database": "DATABASE_FULL"}},
    )
    port.ready.set()
    answer = await port.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "serving", "obstacles": {}},
    )


async def test_metrics_are_text_for_prometheus(port: Port) -> None:
    answer = await port.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "dials_total 3.0" in answer.text


async def test_an_unknown_path_is_an_error_in_json(port: Port) -> None:
    answer = await port.client.get("/nothing")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


async def test_another_method_is_told_which_is_allowed(port: Port) -> None:
    answer = await port.client.get(PATH)
    assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_port_that_is_taken_is_an_oserror(port: Port) -> None:
    other = HttpServer(None, f"127.0.0.1:{port.number}")
    with pytest.raises(OSError, match="in use"):
        await other.start()


async def test_it_listens_on_ipv6_too() -> None:
    async with (
        open_port("[::1]:0") as port,
        httpx.AsyncClient(base_url=f"http://[::1]:{port.number}") as client,
    ):
        assert (await client.get("/healthz")).status_code == 503


async def test_a_stopped_port_takes_no_connections_and_is_free_again() -> None:
    async with open_port() as port:
        await port.server.stop()
        with pytest.raises(ConnectionRefusedError):
            await port.connect()
        async with open_port(f"127.0.0.1:{port.number}"):
            pass


async def test_a_stop_at_once_after_the_start_leaves_nothing_open() -> None:
    server = HttpServer(None, "127.0.0.1:0")
    number = await server.start()
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)


async def test_a_stop_waits_for_the_callback_that_is_being_taken(port: Port) -> None:
    port.taker.may_take.clear()
    answering = asyncio.create_task(port.call_back())
    await port.taker.asked.wait()
    stopping = asyncio.create_task(port.server.stop())
    await until_refused(port)
    assert not answering.done()
    port.taker.may_take.set()
    assert (await answering).status_code == 204
    await stopping


async def until_refused(port: Port) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionError):
            while True:
                _, writer = await port.connect()
                writer.close()
                await writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"POST /callbacks HTTP/1.1\r\n"])
async def test_a_stop_does_not_wait_for_an_idle_connection(port: Port, begun: bytes) -> None:
    reader, writer = await port.connect()
    writer.write(begun)
    await port.client.get("/healthz")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await port.server.stop()
        await reader.read()
    writer.close()
