"""Requests over a pool of connections, to a server that the test writes byte by byte."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outdial_server.outgoing.answer import AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.outgoing.lookups import Address
from support.certificates import self_signed
from support.loops import Run
from support.raw_server import RawServer, Visit, always, reset_behind_a_request

DEADLINE = timedelta(seconds=30)
SOON = timedelta(seconds=2)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def exchange(
    deadline: timedelta = DEADLINE, connections: int = 10, **given: Any
) -> AsyncIterator[HttpExchange]:
    made = HttpExchange(deadline, connections, **given)
    try:
        yield made
    finally:
        await made.close()


def test_requests_follow_one_another_on_one_connection(run: Run) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    continued = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK

    async def scenario() -> None:
        async def behave(visit: Visit) -> None:
            for answer in (OK, chunked, continued, OK):
                assert await visit.hear() is not None
                await visit.say(answer)

        async with RawServer(behave).listening() as far, exchange() as ours:
            for method in (ours.post, ours.get, ours.delete, ours.post):
                assert (await method(far.url)).body == b"ok"
            assert far.connections == 1

    run(scenario())


def test_the_request_is_as_it_was_given(run: Run) -> None:
    async def scenario() -> None:
        heard: list[bytes | None] = []

        async def behave(visit: Visit) -> None:
            for _ in range(3):
                heard.append(await visit.hear())
                await visit.say(OK)

        async with RawServer(behave).listening() as far, exchange() as ours:
            await ours.post(f"{far.url}a/b?c=d", b"body", {"x-one": "1"})
            await ours.get(f"{far.url}a", {"to": "+1 555", "n": "ü"})
            await ours.delete(far.url)
        always = "accept: */*\r\naccept-encoding: identity\r\nuser-agent: outdial\r\n"
        host = f"host: 127.0.0.1:{far.port}\r\n"
        assert [one and one.decode() for one in heard] == [
            f"POST /a/b?c=d HTTP/1.1\r\n{host}{always}x-one: 1\r\ncontent-length: 4\r\n\r\nbody",
            f"GET /a?to=%2B1+555&n=%C3%BC HTTP/1.1\r\n{host}{always}\r\n",
            f"DELETE / HTTP/1.1\r\n{host}{always}\r\n",
        ]

    run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        # A second answer, which is nobody's.
        OK + OK.replace(b"ok", b"no"),
    ],
    ids=["close", "1.0", "no length", "two answers"],
)
def test_some_answers_are_the_last_of_their_connection(run: Run, answer: bytes) -> None:
    async def scenario() -> None:
        async def behave(visit: Visit) -> None:
            assert await visit.hear() is not None
            await visit.say(answer)

        async with RawServer(behave).listening() as far, exchange() as ours:
            assert [(await ours.post(far.url)).body for _ in range(3)] == [b"ok"] * 3
            assert far.connections == 3

    run(scenario())


def test_a_header_cannot_carry_another(run: Run) -> None:
    async def scenario() -> None:
        async with RawServer(always(OK)).listening() as far, exchange() as ours:
            for header in ({"x": "1\r\ny: 2"}, {"x\n": "1"}, {"x": "\0"}):
                with pytest.raises(NothingSentError):
                    await ours.post(far.url, b"", header)
            assert far.connections == 0

    run(scenario())


def test_above_its_connections_requests_wait(run: Run) -> None:
    async def scenario() -> None:
        async with RawServer(always(OK)).listening() as far, exchange(connections=3) as ours:
            answers = await asyncio.gather(*(ours.post(far.url) for _ in range(50)))
            assert [answer.body for answer in answers] == [b"ok"] * 50
            assert far.open_most <= 3

    run(scenario())


def test_idle_connections_make_room_for_other_origins(run: Run) -> None:
    async def scenario() -> None:
        async with (
            RawServer(always(OK)).listening() as one,
            RawServer(always(OK)).listening() as other,
            exchange(connections=1) as ours,
        ):
            for far in (one, other) * 3:
                assert (await ours.post(far.url)).body == b"ok"
            assert (one.connections, other.connections) == (3, 3)

    run(scenario())


def test_a_request_that_gets_no_connection_in_time_has_not_left(run: Run) -> None:
    async def scenario() -> None:
        heard = 0
        has_come = asyncio.Event()

        async def behave(visit: Visit) -> None:
            nonlocal heard
            while await visit.hear() is not None:
                heard += 1
                has_come.set()

        async with RawServer(behave).listening() as far, exchange(SOON, connections=1) as ours:
            first = asyncio.create_task(ours.post(far.url))
            await has_come.wait()
            with pytest.raises((NothingSentError, AnswerLostError)) as waited:
                await ours.post(far.url)
            with pytest.raises(AnswerLostError, match="TIMEOUT"):
                await first
        assert heard == (1 if isinstance(waited.value, NothingSentError) else 2)

    run(scenario())


def test_a_request_that_nobody_waits_for_ends_its_connection(run: Run) -> None:
    async def scenario() -> None:
        has_come, is_over = asyncio.Event(), asyncio.Event()

        async def behave(visit: Visit) -> None:
            assert await visit.hear() is not None
            has_come.set()
            assert await visit.hear() is None
            is_over.set()

        async with RawServer(behave).listening() as far, exchange() as ours:
            asking = asyncio.create_task(ours.post(far.url))
            await has_come.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await is_over.wait()

    run(scenario())


def test_an_exchange_that_is_closed_sends_nothing_more(run: Run) -> None:
    async def scenario() -> None:
        has_come = asyncio.Event()

        async def behave(visit: Visit) -> None:
            assert await visit.hear() is not None
            has_come.set()
            assert await visit.hear() is None

        async with RawServer(behave).listening() as far, exchange() as ours:
            asking = asyncio.create_task(ours.post(far.url))
            await has_come.wait()
            await ours.close()
            with pytest.raises(AnswerLostError):
                await asking
            with pytest.raises(NothingSentError):
                await ours.post(far.url)

    run(scenario())


@asynccontextmanager
async def nowhere() -> AsyncIterator[Address]:
    """An address that takes no connections and refuses none: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(address)
        try:
            yield socket.AF_INET, address
        finally:
            for filler in fillers:
                filler.close()


def closed_address() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return socket.AF_INET, probe.getsockname()


def test_a_host_is_reached_by_the_address_that_answers(run: Run) -> None:
    async def scenario() -> None:
        async with RawServer(always(OK)).listening() as far, nowhere() as silent:

            async def resolve(host: str, port: int) -> list[Address]:
                return [closed_address(), silent, (socket.AF_INET, ("127.0.0.1", port)), silent]

            async with exchange(resolve=resolve) as ours:
                answer = await ours.post(f"http://a.example:{far.port}/")
                assert (answer.body, far.connections) == (b"ok", 1)

    run(scenario())


def test_many_at_once_ask_for_a_name_once(run: Run) -> None:
    async def scenario() -> None:
        asked: list[str] = []

        async def resolve(host: str, port: int) -> list[Address]:
            asked.append(host)
            if host == "b.example":
                raise OSError("no such host")
            return [(socket.AF_INET, ("127.0.0.1", port))]

        async with RawServer(always(OK)).listening() as far, exchange(resolve=resolve) as ours:
            await asyncio.gather(*(ours.post(f"http://a.example:{far.port}/") for _ in range(9)))
            assert asked == ["a.example"]
            for _ in range(2):
                with pytest.raises(NothingSentError, match="CANNOT_CONNECT"):
                    await ours.post(f"http://b.example:{far.port}/")
            assert asked == ["a.example", "b.example", "b.example"]

    run(scenario())


# --- TLS -----------------------------------------------------------------------


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the server, whose certificate is for 127.0.0.1, and of a client that believes it."""
    key, certificate = self_signed()
    (folder / "key.pem").write_bytes(key)
    (folder / "certificate.pem").write_bytes(certificate)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return serving, ssl.create_default_context(cafile=folder / "certificate.pem")


def test_requests_follow_one_another_over_tls(run: Run, tmp_path: Path) -> None:
    serving, believing = contexts(tmp_path)

    async def scenario() -> None:
        async with (
            RawServer(always(OK), serving).listening() as far,
            exchange(tls=believing) as ours,
        ):
            for _ in range(3):
                assert (await ours.post(far.url, b"x" * 1_000_000)).body == b"ok"
            assert 1 <= far.connections <= 3

    run(scenario())


def test_nothing_is_sent_to_a_server_that_is_not_the_one(run: Run, tmp_path: Path) -> None:
    serving, believing = contexts(tmp_path)

    async def resolve(host: str, port: int) -> list[Address]:
        return [(socket.AF_INET, ("127.0.0.1", port))]

    async def scenario() -> None:
        heard: list[bytes | None] = []

        async def behave(visit: Visit) -> None:
            heard.append(await visit.hear())

        async with RawServer(behave, serving).listening() as far:
            async with exchange(tls=believing, resolve=resolve) as ours:
                # Another name than the certificate's.
                with pytest.raises(NothingSentError, match="CANNOT_CONNECT"):
                    await ours.post(f"https://a.example:{far.port}/")
            async with exchange() as ours:
                # The system's authorities do not know it.
                with pytest.raises(NothingSentError, match="CANNOT_CONNECT"):
                    await ours.post(far.url)
        assert not any(heard)

    run(scenario())


def test_over_tls_what_was_sent_may_have_left(run: Run, tmp_path: Path) -> None:
    serving, believing = contexts(tmp_path)

    async def scenario() -> None:
        async with (
            RawServer(reset_behind_a_request, serving).listening() as far,
            exchange(tls=believing) as ours,
        ):
            with pytest.raises(AnswerLostError, match="CONNECTION_LOST"):
                await ours.post(far.url)

    run(scenario())
