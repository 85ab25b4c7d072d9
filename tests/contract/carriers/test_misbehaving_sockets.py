"""What the HTTP adapter says of a request that went wrong, against real sockets. Saying
"not sent" of one that may have arrived would ring a person twice."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    LookUpFailed,
    NoSuchCall,
    NotSent,
    Refused,
    Unclear,
)
from support.requests import REQUEST

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

DEADLINE = timedelta(seconds=0.4)
QUERY = CallQuery(CallId("ours"), "SIM1", "+15551230001")


@asynccontextmanager
async def carrier_at(
    port: int, scheme: str = "http", deadline: timedelta = DEADLINE
) -> AsyncIterator[HttpSimulatedCarrier]:
    carrier = HttpSimulatedCarrier(
        f"{scheme}://127.0.0.1:{port}", "secret", "http://127.0.0.1/callbacks", deadline
    )
    try:
        yield carrier
    finally:
        await carrier.close()


@asynccontextmanager
async def carrier_behind(
    behaviour: Behaviour, deadline: timedelta = DEADLINE
) -> AsyncIterator[HttpSimulatedCarrier]:
    conversations: set[asyncio.Task[None] | None] = set()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())
        try:
            await behaviour(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with carrier_at(port, deadline=deadline) as carrier:
            yield carrier
    finally:
        server.close()
        await asyncio.gather(*filter(None, conversations))


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")),
        b":0",
    )
    return head + await reader.readexactly(int(length.partition(b":")[2]))


def answering(status: str, body: bytes = b"", *headers: str) -> Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


async def close_unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and closes it."""


async def reset_after_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def close_after_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def stop_in_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b'HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":')
    await writer.drain()


async def stall_in_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await stop_in_the_answer(reader, writer)
    await reader.read()


async def speak_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"220 mail.example.net ESMTP\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "behaviour",
    [
        close_unread,
        close_after_reading,
        reset_after_reading,
        never_answer,
        stop_in_the_answer,
        stall_in_the_answer,
        speak_no_http,
        answering("500 Internal Server Error"),
        answering("502 Bad Gateway", b"<html>"),
        answering("503 Service Unavailable", b"", "retry-after: 1"),
        answering("201 Created", b"zz\r\n", "transfer-encoding: chunked"),
        answering("201 Created", b"no gzip", "content-encoding: gzip"),
        answering("201 Created", b"<html>"),
        answering("201 Created", b'{"id": null}'),
        answering("201 Created", b"[]"),
    ],
)
async def test_a_request_that_may_have_left_is_unclear(behaviour: Behaviour) -> None:
    async with carrier_behind(behaviour) as carrier:
        assert isinstance(await carrier.place_call(REQUEST), Unclear)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_closed_port_is_not_sent() -> None:
    async with carrier_at(closed_port()) as carrier:
        assert isinstance(await carrier.place_call(REQUEST), NotSent)
        assert isinstance(await carrier.look_up(QUERY), LookUpFailed)
        assert not await carrier.hang_up(QUERY)


async def test_a_host_that_does_not_exist_is_not_sent() -> None:
    carrier = HttpSimulatedCarrier("http://carrier.invalid", "secret", "http://here", DEADLINE)
    assert isinstance(await carrier.place_call(REQUEST), NotSent)
    await carrier.close()


async def test_a_failed_tls_handshake_is_not_sent() -> None:
    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    async with carrier_at(server.sockets[0].getsockname()[1], "https") as carrier:
        assert isinstance(await carrier.place_call(REQUEST), NotSent)
    server.close()


async def test_a_connection_that_is_never_made_is_not_sent() -> None:
    """A listener whose queue is full lets a connection hang: the kernel answers nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", port))
        async with carrier_at(port) as carrier:
            assert isinstance(await carrier.place_call(REQUEST), NotSent)
        for filler in fillers:
            filler.close()


async def test_an_idle_connection_that_was_closed_is_unclear_or_not_used() -> None:
    """The server closes behind each answer without a word: the second request goes out on
    a new connection, or is not called unsent."""
    async with carrier_behind(answering("201 Created", b'{"id": "SIM1"}')) as carrier:
        assert await carrier.place_call(REQUEST) == Accepted("SIM1")
        assert not isinstance(await carrier.place_call(REQUEST), NotSent)


@pytest.mark.parametrize("behaviour", [never_answer, stall_in_the_answer])
async def test_it_answers_within_the_deadline(behaviour: Behaviour) -> None:
    deadline = timedelta(seconds=2)
    async with carrier_behind(behaviour, deadline) as carrier:
        async with asyncio.timeout(deadline.total_seconds()):
            assert isinstance(await carrier.place_call(REQUEST), Unclear)


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (
            answering("429 Too Many Requests", b"", "retry-after: 7"),
            NotSent("THROTTLED", timedelta(seconds=7)),
        ),
        (answering("429 Too Many Requests"), NotSent("THROTTLED")),
        (
            answering("429 Too Many Requests", b"", "retry-after: Fri, 31 Dec 1999 23:59:59 GMT"),
            NotSent("THROTTLED"),
        ),
        (
            answering("429 Too Many Requests", b"", f"retry-after: {'9' * 40}"),
            NotSent("THROTTLED", timedelta(hours=1)),
        ),
        (answering("400 Bad Request"), Refused("HTTP_400", Fault.CALL)),
        (answering("401 Unauthorized"), Refused("HTTP_401", Fault.CONFIGURATION)),
        (answering("403 Forbidden"), Refused("HTTP_403", Fault.CONFIGURATION)),
        (answering("404 Not Found"), Refused("HTTP_404", Fault.CONFIGURATION)),
        (
            answering("308 Permanent Redirect", b"", "location: https://127.0.0.1/"),
            Refused("HTTP_308", Fault.CONFIGURATION),
        ),
        (
            answering("422 Unprocessable Entity"),
            Refused("INVALID_NUMBER", Fault.CALL, Disposition.INVALID_NUMBER),
        ),
    ],
)
async def test_a_clear_answer_is_taken_at_its_word(
    behaviour: Behaviour, result: NotSent | Refused
) -> None:
    async with carrier_behind(behaviour) as carrier:
        assert await carrier.place_call(REQUEST) == result


@pytest.mark.parametrize(
    "behaviour",
    [
        close_unread,
        reset_after_reading,
        never_answer,
        speak_no_http,
        answering("500 Internal Server Error"),
        answering("200 OK", b"<html>"),
        answering("200 OK", b'{"status": "singing", "call_id": "ours", "id": "SIM1"}'),
        # Not the carrier's own 404: believing it would mean dialling again.
        answering("404 Not Found", b"<html>"),
    ],
)
async def test_a_look_up_without_a_clear_answer_fails(behaviour: Behaviour) -> None:
    async with carrier_behind(behaviour) as carrier:
        assert isinstance(await carrier.look_up(QUERY), LookUpFailed)
        assert not await carrier.hang_up(QUERY)


async def test_only_the_carriers_own_404_says_that_there_is_no_such_call() -> None:
    body = b'{"error": {"code": "not_found", "message": "there is no such call"}}'
    async with carrier_behind(answering("404 Not Found", body, "connection: close")) as carrier:
        assert await carrier.look_up(QUERY) == NoSuchCall()
        assert await carrier.hang_up(QUERY)


@pytest.mark.parametrize("url", ["", "127.0.0.1:9090", "ftp://carrier.example", "http://"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        HttpSimulatedCarrier(url, "secret", "http://here")
