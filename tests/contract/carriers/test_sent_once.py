"""A request to place a call leaves once. Counted by a server that reads all of it and then
fails in its own way, on both event loops that Outdial runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outdial_server.domain.ids import CallId
from outdial_server.ports.carrier import Accepted, Carrier, DialResult, NotSent, Unclear
from support.all_carriers import Ability, OpenAdapter, Subject, on_carriers, simulated_at
from support.loops import Run
from support.raw_server import (
    Behaviour,
    RawServer,
    Visit,
    always,
    close_behind_a_request,
    reset_behind_a_request,
)
from support.requests import REQUEST

DEADLINE = timedelta(seconds=30)
TAKEN = b'HTTP/1.1 201 Created\r\ncontent-length: 14\r\n\r\n{"id": "SIM1"}'


@asynccontextmanager
async def carrier_before(
    behaviour: Behaviour, adapter: OpenAdapter = simulated_at
) -> AsyncIterator[tuple[Carrier, RawServer]]:
    async with RawServer(behaviour).listening() as server:
        carrier = adapter(f"http://127.0.0.1:{server.port}", "http://here", DEADLINE)
        try:
            yield carrier, server
        finally:
            await carrier.close()


async def half_a_header(visit: Visit) -> None:
    await visit.hear()
    await visit.say(b"HTTP/1.1 201 Crea")


async def half_an_answer_and_reset(visit: Visit) -> None:
    await visit.hear()
    await visit.say(TAKEN[:-5])
    visit.reset()


redirect = always(
    b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /calls\r\ncontent-length: 0\r\n\r\n"
)
unavailable = always(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")


@on_carriers(Ability.SPEAKS_HTTP)
@pytest.mark.parametrize(
    "behaviour",
    [
        close_behind_a_request,
        reset_behind_a_request,
        half_a_header,
        half_an_answer_and_reset,
        redirect,
        unavailable,
    ],
    ids=["closed", "reset", "half a header", "half an answer", "redirect", "unavailable"],
)
def test_a_request_that_fails_is_not_sent_again(
    run: Run, carrier: Subject, behaviour: Behaviour
) -> None:
    async def scenario() -> None:
        async with carrier_before(behaviour, carrier.at) as (opened, server):
            assert not isinstance(await opened.place_call(REQUEST), Accepted | NotSent)
        assert server.requests == 1

    run(scenario())


@pytest.mark.parametrize(
    "ending", [close_behind_a_request, reset_behind_a_request], ids=["closed", "reset"]
)
def test_a_kept_connection_that_dies_under_the_next_request_is_unclear(
    run: Run, ending: Behaviour
) -> None:
    """The classic race of keep-alive: the second request is read, and the connection is
    gone. Libraries like to send again here, on a new connection."""

    async def scenario() -> None:
        async def die_at_the_second(visit: Visit) -> None:
            await visit.hear()
            await visit.say(TAKEN)
            await ending(visit)

        async with carrier_before(die_at_the_second) as (carrier, server):
            assert await carrier.place_call(REQUEST) == Accepted("SIM1")
            assert isinstance(await carrier.place_call(REQUEST), Unclear)
        assert (server.connections, server.requests) == (1, 2)

    run(scenario())


@pytest.mark.parametrize("ending", [Visit.close, Visit.reset], ids=["closed", "reset"])
def test_a_kept_connection_that_died_in_between_rings_nobody_twice(
    run: Run, ending: Callable[[Visit], None]
) -> None:
    """Closed behind the answer: whether the adapter has noticed by the next request is a
    matter of luck. It may take a new connection, or not know."""

    async def scenario() -> None:
        async def die_after_the_first(visit: Visit) -> None:
            await visit.hear()
            await visit.say(TAKEN)
            ending(visit)

        asked = 30
        async with carrier_before(die_after_the_first) as (carrier, server):
            results: list[DialResult] = []
            for number in range(asked):
                request = replace(REQUEST, call_id=CallId(f"ours-{number}"))
                results.append(await carrier.place_call(request))
        accepted = sum(isinstance(result, Accepted) for result in results)
        unclear = sum(isinstance(result, Unclear) for result in results)
        assert accepted + unclear == asked
        assert accepted <= server.requests <= asked

    run(scenario())


def test_many_at_once_over_connections_that_die_are_sent_once_each(run: Run) -> None:
    async def scenario() -> None:
        async def die_at_the_third(visit: Visit) -> None:
            while await visit.hear() is not None and visit.heard < 3:
                await visit.say(TAKEN)
            visit.reset()

        asked = 300
        at_once = asyncio.Semaphore(20)
        async with carrier_before(die_at_the_third) as (carrier, server):

            async def place(number: int) -> DialResult:
                async with at_once:
                    request = replace(REQUEST, call_id=CallId(f"ours-{number}"))
                    return await carrier.place_call(request)

            results = await asyncio.gather(*(place(number) for number in range(asked)))
        assert not [result for result in results if isinstance(result, NotSent)]
        assert server.requests == asked

    run(scenario())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_answer_is_too_strange(data: st.DataObject) -> None:
    """Bytes changed, left out or put in anywhere: it never raises, and never takes what
    has left for unsent."""
    start = data.draw(st.integers(0, len(TAKEN)))
    end = data.draw(st.integers(start, len(TAKEN)))
    strange = TAKEN[:start] + data.draw(st.binary(max_size=20)) + TAKEN[end:]

    async def answer(visit: Visit) -> None:
        await visit.hear()
        await visit.say(strange)

    async def place() -> DialResult:
        async with carrier_before(answer) as (carrier, _):
            return await carrier.place_call(REQUEST)

    result = asyncio.run(place())
    assert not isinstance(result, NotSent)
