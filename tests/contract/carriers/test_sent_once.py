"""A request to place a call leaves once. Counted by a server that reads all of it and then
fails in its own way, on both event loops that Outdial runs on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.domain.ids import CallId
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Unclear
from support.requests import REQUEST

DEADLINE = timedelta(seconds=1)
TAKEN = b'HTTP/1.1 201 Created\r\ncontent-length: 14\r\n\r\n{"id": "SIM1"}'


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    running: Run = request.param
    return running


@dataclass
class Connection:
    """One connection of the adapter, seen from the carrier's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_request(self) -> bool:
        """Whether another whole request came."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await self.reader.readexactly(int(length))
        return True

    async def answer(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def reset(self) -> None:
        """The kernel's RST, not a FIN: what was not yet read is lost to the other side."""
        self.writer.transport.abort()


Behaviour = Callable[[Connection, int], Awaitable[bool]]
"""Takes the connection and the number of its request, from 1; returns whether to read on."""


@dataclass
class Counting:
    """How many whole requests came, and over how many connections."""

    behaviour: Behaviour
    requests: int = 0
    connections: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        connection, number = Connection(reader, writer), 0
        while await connection.read_request():
            self.requests += 1
            number += 1
            if not await self.behaviour(connection, number):
                break
        writer.close()

    async def finish(self) -> None:
        await asyncio.gather(*self._serving, return_exceptions=True)


@asynccontextmanager
async def counting(
    behaviour: Behaviour,
) -> AsyncIterator[tuple[HttpSimulatedCarrier, Counting]]:
    counter = Counting(behaviour)
    server = await asyncio.start_server(counter.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    carrier = HttpSimulatedCarrier(f"http://127.0.0.1:{port}", "secret", "http://here", DEADLINE)
    try:
        yield carrier, counter
    finally:
        await carrier.close()
        server.close()
        await counter.finish()


async def close(connection: Connection, number: int) -> bool:
    return False


async def reset(connection: Connection, number: int) -> bool:
    connection.reset()
    return False


async def half_a_header(connection: Connection, number: int) -> bool:
    await connection.answer(b"HTTP/1.1 201 Crea")
    return False


async def half_an_answer_and_reset(connection: Connection, number: int) -> bool:
    await connection.answer(TAKEN[:-5])
    connection.reset()
    return False


async def redirect(connection: Connection, number: int) -> bool:
    await connection.answer(
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /calls\r\ncontent-length: 0\r\n\r\n"
    )
    return True


async def unavailable(connection: Connection, number: int) -> bool:
    await connection.answer(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
    return True


@pytest.mark.parametrize(
    "behaviour",
    [close, reset, half_a_header, half_an_answer_and_reset, redirect, unavailable],
)
def test_a_request_that_fails_is_not_sent_again(run: Run, behaviour: Behaviour) -> None:
    async def scenario() -> None:
        async with counting(behaviour) as (carrier, counter):
            assert not isinstance(await carrier.place_call(REQUEST), Accepted | NotSent)
        assert counter.requests == 1

    run(scenario())


@pytest.mark.parametrize("ending", [close, reset], ids=["closed", "reset"])
def test_a_kept_connection_that_dies_under_the_next_request_is_unclear(
    run: Run, ending: Behaviour
) -> None:
    """The classic race of keep-alive: the second request is read, and the connection is
    gone. Libraries like to send again here, on a new connection."""

    async def scenario() -> None:
        async def die_at_the_second(connection: Connection, number: int) -> bool:
            if number == 1:
                await connection.answer(TAKEN)
                return True
            return await ending(connection, number)

        async with counting(die_at_the_second) as (carrier, counter):
            assert await carrier.place_call(REQUEST) == Accepted("SIM1")
            assert isinstance(await carrier.place_call(REQUEST), Unclear)
        assert (counter.connections, counter.requests) == (1, 2)

    run(scenario())


@pytest.mark.parametrize("ending", [close, reset], ids=["closed", "reset"])
def test_a_kept_connection_that_died_in_between_rings_nobody_twice(
    run: Run, ending: Behaviour
) -> None:
    """Closed behind the answer: whether the adapter has noticed by the next request is a
    matter of luck. It may take a new connection, or not know."""

    async def scenario() -> None:
        async def die_after_the_first(connection: Connection, number: int) -> bool:
            await connection.answer(TAKEN)
            return await ending(connection, number)

        asked = 30
        async with counting(die_after_the_first) as (carrier, counter):
            results: list[DialResult] = []
            for number in range(asked):
                request = replace(REQUEST, call_id=CallId(f"ours-{number}"))
                results.append(await carrier.place_call(request))
        accepted = sum(isinstance(result, Accepted) for result in results)
        unclear = sum(isinstance(result, Unclear) for result in results)
        assert accepted + unclear == asked
        assert accepted <= counter.requests <= asked

    run(scenario())


def test_many_at_once_over_connections_that_die_are_sent_once_each(run: Run) -> None:
    async def scenario() -> None:
        async def die_at_every_third(connection: Connection, number: int) -> bool:
            if number % 3 == 0:
                connection.reset()
                return False
            await connection.answer(TAKEN)
            return True

        asked = 300
        at_once = asyncio.Semaphore(20)
        async with counting(die_at_every_third) as (carrier, counter):

            async def place(number: int) -> DialResult:
                async with at_once:
                    request = replace(REQUEST, call_id=CallId(f"ours-{number}"))
                    return await carrier.place_call(request)

            results = await asyncio.gather(*(place(number) for number in range(asked)))
        assert not [result for result in results if isinstance(result, NotSent)]
        assert counter.requests == asked

    run(scenario())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_answer_is_too_strange(data: st.DataObject) -> None:
    """Bytes changed, left out or put in anywhere: it never raises, and never takes what
    has left for unsent."""
    start = data.draw(st.integers(0, len(TAKEN)))
    end = data.draw(st.integers(start, len(TAKEN)))
    strange = TAKEN[:start] + data.draw(st.binary(max_size=20)) + TAKEN[end:]

    async def answer(connection: Connection, number: int) -> bool:
        await connection.answer(strange)
        return False

    async def place() -> DialResult:
        async with counting(answer) as (carrier, _):
            return await carrier.place_call(REQUEST)

    result = asyncio.run(place())
    assert not isinstance(result, NotSent)
