"""Connections on a real socket: how long heads may take and be, and answers that come early."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from outdial_server.gateway.connections import HEAD_MAX_BYTES, HttpConnection
from outdial_server.gateway.server import HttpServer

PATIENCE_SECONDS = 30
GET = b"GET / HTTP/1.1\r\nhost: outdial\r\n\r\n"


async def length_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Says how long the body was; to /early without reading it."""
    if scope["path"] == "/early":
        await PlainTextResponse("too long", 413)(scope, receive, send)
        return
    body = await Request(scope, receive).body()
    response: Response = PlainTextResponse(f"{len(body)} bytes")
    await response(scope, receive, send)


@dataclass
class Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, piece: bytes) -> None:
        self.writer.write(piece)
        await self.writer.drain()

    async def answer(self) -> tuple[bytes, bytes]:
        """The first line, and the body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        (length,) = (
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        return head.partition(b"\r\n")[0], await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        return await self.reader.read() == b""


@pytest.fixture
def head_seconds() -> float:
    return PATIENCE_SECONDS


@pytest.fixture
async def line(head_seconds: float, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    monkeypatch.setattr(HttpConnection, "head_seconds", head_seconds)
    server = HttpServer(length_app, "127.0.0.1:0")
    port = await server.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = Line(*await asyncio.open_connection("127.0.0.1", port))
            yield line
            line.writer.close()
    finally:
        await server.stop()


@pytest.mark.parametrize("head_seconds", [0.05])
@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\n", GET + b"GET / HT"])
async def test_a_head_that_does_not_come_ends_its_connection(line: Line, begun: bytes) -> None:
    await line.say(begun)
    if begun.startswith(GET):
        assert await line.answer() == (b"HTTP/1.1 200 OK", b"0 bytes")
    assert await line.answer() == (b"HTTP/1.1 408 Request Timeout", b"")
    assert await line.is_closed()


@pytest.mark.parametrize("head_seconds", [0.05])
async def test_a_head_may_begin_late_on_a_connection_that_is_kept(
    line: Line, head_seconds: float
) -> None:
    await line.say(GET)
    assert await line.answer() == (b"HTTP/1.1 200 OK", b"0 bytes")
    late = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(head_seconds * 2, late.set_result, None)
    await late
    await line.say(GET)
    assert await line.answer() == (b"HTTP/1.1 200 OK", b"0 bytes")


@pytest.mark.parametrize("head_seconds", [0.05])
async def test_the_body_has_a_time_of_its_own(line: Line, head_seconds: float) -> None:
    await line.say(b"POST / HTTP/1.1\r\nhost: outdial\r\ncontent-length: 4\r\n\r\nab")
    late = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(head_seconds * 2, late.set_result, None)
    await late
    await line.say(b"cd")
    assert await line.answer() == (b"HTTP/1.1 200 OK", b"4 bytes")


async def test_a_head_that_is_too_long_is_not_read_to_its_end(line: Line) -> None:
    await line.say(b"GET / HTTP/1.1\r\nhost: outdial\r\nnote: " + b"x" * (HEAD_MAX_BYTES + 1))
    assert await line.answer() == (b"HTTP/1.1 431 Request Header Fields Too Large", b"")
    assert await line.is_closed()


async def test_a_body_that_comes_with_its_head_is_not_counted(line: Line) -> None:
    body = b"x" * (2 * HEAD_MAX_BYTES)
    head = b"POST / HTTP/1.1\r\nhost: outdial\r\ncontent-length: %d\r\n\r\n" % len(body)
    await line.say(head + body)
    assert await line.answer() == (b"HTTP/1.1 200 OK", b"%d bytes" % len(body))


@pytest.mark.parametrize("head", [b"", b"connection: close\r\n"])
async def test_an_early_answer_arrives_though_the_client_sends_on(line: Line, head: bytes) -> None:
    """As urllib does it: all of the body first, then the answer."""
    length = 8 * 1024 * 1024
    start = b"POST /early HTTP/1.1\r\nhost: outdial\r\n" + head
    await line.say(start + b"content-length: %d\r\n\r\n" % length)
    for _ in range(length // HEAD_MAX_BYTES):
        await line.say(b"x" * HEAD_MAX_BYTES)
    assert await line.answer() == (b"HTTP/1.1 413 Request Entity Too Large", b"too long")
    if head:
        assert await line.is_closed()


async def test_a_connection_ends_at_once_when_nothing_is_owed(line: Line) -> None:
    await line.say(b"GET / HTTP/1.1\r\nhost: outdial\r\nconnection: close\r\n\r\n")
    assert await line.answer() == (b"HTTP/1.1 200 OK", b"0 bytes")
    assert await line.is_closed()
