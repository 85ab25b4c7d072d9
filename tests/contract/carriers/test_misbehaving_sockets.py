"""What each adapter over HTTP says of a request that went wrong, against real sockets. Saying
"not sent" of one that may have arrived would ring a person twice."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    Carrier,
    LookUpFailed,
    NoSuchCall,
    NotSent,
    Refused,
    Unclear,
)
from support.all_carriers import Ability, OpenAdapter, Subject, on_carriers, simulated_at
from support.raw_server import (
    Behaviour,
    RawServer,
    Visit,
    close_behind_a_request,
    reset_behind_a_request,
)
from support.requests import REQUEST

DEADLINE = timedelta(seconds=30)
"""Of one who answers, or hangs up, however busy the machine is."""
SHORT_DEADLINE = timedelta(seconds=1)
"""Of one who is silent."""
QUERY = CallQuery(CallId("ours"), "SIM1", "+15551230001")
LOST = CallQuery(CallId("ours"), "", "+15551230001")


@asynccontextmanager
async def carrier_at(
    port: int,
    scheme: str = "http",
    deadline: timedelta = DEADLINE,
    adapter: OpenAdapter = simulated_at,
) -> AsyncIterator[Carrier]:
    carrier = adapter(f"{scheme}://127.0.0.1:{port}", "http://127.0.0.1/callbacks", deadline)
    try:
        yield carrier
    finally:
        await carrier.close()


@asynccontextmanager
async def carrier_behind(
    behaviour: Behaviour, adapter: OpenAdapter = simulated_at
) -> AsyncIterator[Carrier]:
    is_silent = behaviour in (never_answer, stall_in_the_answer)
    deadline = SHORT_DEADLINE if is_silent else DEADLINE
    async with (
        RawServer(behaviour).listening() as server,
        carrier_at(server.port, deadline=deadline, adapter=adapter) as carrier,
    ):
        yield carrier


def answering(status: str, body: bytes = b"", *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return saying("\r\n".join(lines).encode() + body)


def saying(answer: bytes) -> Behaviour:
    async def behave(visit: Visit) -> None:
        await visit.hear()
        await visit.say(answer)

    return behave


async def close_unread(visit: Visit) -> None:
    """Takes the connection and closes it."""


async def never_answer(visit: Visit) -> None:
    while await visit.hear() is not None:
        pass


stop_in_the_answer = saying(b'HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":')


async def stall_in_the_answer(visit: Visit) -> None:
    await stop_in_the_answer(visit)
    await visit.reader.read()


speak_no_http = saying(b"220 mail.example.net ESMTP\r\n\r\n")


@on_carriers(Ability.SPEAKS_HTTP)
@pytest.mark.parametrize(
    "behaviour",
    [
        close_unread,
        close_behind_a_request,
        reset_behind_a_request,
        never_answer,
        stop_in_the_answer,
        stall_in_the_answer,
        speak_no_http,
        answering("201 Created", b"zz\r\n", "transfer-encoding: chunked"),
    ],
)
async def test_a_request_that_may_have_left_is_unclear(
    carrier: Subject, behaviour: Behaviour
) -> None:
    async with carrier_behind(behaviour, adapter=carrier.at) as opened:
        assert isinstance(await opened.place_call(REQUEST), Unclear)


@on_carriers(Ability.SPEAKS_HTTP, Ability.GIVES_REASONS)
@pytest.mark.parametrize(
    "behaviour",
    [
        answering("500 Internal Server Error"),
        answering("502 Bad Gateway", b"<html>"),
        answering("503 Service Unavailable", b"", "retry-after: 1"),
    ],
)
async def test_a_fault_of_the_carrier_s_own_is_unclear(
    carrier: Subject, behaviour: Behaviour
) -> None:
    async with carrier_behind(behaviour, adapter=carrier.at) as opened:
        assert isinstance(await opened.place_call(REQUEST), Unclear)


@pytest.mark.parametrize(
    "behaviour",
    [
        answering("201 Created", b"no gzip", "content-encoding: gzip"),
        answering("201 Created", b"<html>"),
        answering("201 Created", b'{"id": null}'),
        answering("201 Created", b"[]"),
    ],
)
async def test_an_answer_that_names_no_call_is_unclear(behaviour: Behaviour) -> None:
    async with carrier_behind(behaviour) as carrier:
        assert isinstance(await carrier.place_call(REQUEST), Unclear)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@on_carriers(Ability.SPEAKS_HTTP, Ability.GIVES_REASONS)
async def test_a_closed_port_is_not_sent(carrier: Subject) -> None:
    async with carrier_at(closed_port(), adapter=carrier.at) as opened:
        assert isinstance(await opened.place_call(REQUEST), NotSent)
        assert isinstance(await opened.look_up(LOST), LookUpFailed)
        assert not await opened.hang_up(LOST)


async def test_a_host_that_does_not_exist_is_not_sent() -> None:
    carrier = HttpSimulatedCarrier("http://carrier.invalid", "secret", "http://here", DEADLINE)
    assert isinstance(await carrier.place_call(REQUEST), NotSent)
    await carrier.close()


async def test_a_failed_tls_handshake_is_not_sent() -> None:
    async def no_tls(visit: Visit) -> None:
        await visit.reader.read(1)
        await visit.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with RawServer(no_tls).listening() as server, carrier_at(server.port, "https") as carrier:
        assert isinstance(await carrier.place_call(REQUEST), NotSent)


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
        async with carrier_at(port, deadline=SHORT_DEADLINE) as carrier:
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
    async with carrier_behind(behaviour) as carrier:
        async with asyncio.timeout(CARRIER_DEADLINE.total_seconds()):
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


@on_carriers(Ability.SPEAKS_HTTP, Ability.IS_ASKED)
@pytest.mark.parametrize(
    "behaviour",
    [
        close_unread,
        reset_behind_a_request,
        never_answer,
        speak_no_http,
        answering("500 Internal Server Error"),
        answering("200 OK", b"<html>"),
        answering("200 OK", b'{"status": "singing", "call_id": "ours", "id": "SIM1"}'),
        # Not the carrier's own 404: believing it would mean dialling again.
        answering("404 Not Found", b"<html>"),
    ],
)
async def test_a_look_up_without_a_clear_answer_fails(
    carrier: Subject, behaviour: Behaviour
) -> None:
    async with carrier_behind(behaviour, adapter=carrier.at) as opened:
        assert isinstance(await opened.look_up(LOST), LookUpFailed)
        assert not await opened.hang_up(LOST)


async def test_only_the_carriers_own_404_says_that_there_is_no_such_call() -> None:
    body = b'{"error": {"code": "not_found", "message": "there is no such call"}}'
    async with carrier_behind(answering("404 Not Found", body, "connection: close")) as carrier:
        assert await carrier.look_up(QUERY) == NoSuchCall()
        assert await carrier.hang_up(QUERY)


@pytest.mark.parametrize("url", ["", "127.0.0.1:9090", "ftp://carrier.example", "http://"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        HttpSimulatedCarrier(url, "secret", "http://here")
