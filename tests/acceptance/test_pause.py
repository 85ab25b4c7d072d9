"""Pause and cancel under load, with a carrier that is slow to answer: after an answer with
`sends_in_flight` 0 the carrier sees no new request."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from outdial.v1.batch_service_pb2 import WATCH_DELIVERY_EVERY_EVENT
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_SENDING

from outdial_client import Client, NewCall
from tests.support.processes import API_KEY, CarrierProcess, ServerProcess, count_placed

PAUSES = 30
CARRIER_DEADLINE = timedelta(seconds=10)
ANSWER_MARGIN = timedelta(seconds=3)

SLOW = {
    "seed": 11,
    "request_latency_ms": "50-400",
    "ring_ms": "5-40",
    "talk_ms": "20-150",
}


@pytest.fixture
async def carrier(tmp_path: Path) -> AsyncIterator[CarrierProcess]:
    process = CarrierProcess(tmp_path, SLOW)
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def client(tmp_path: Path, carrier: CarrierProcess) -> AsyncIterator[Client]:
    server = ServerProcess(tmp_path, f"sqlite:///{tmp_path / 'outdial.db'}", carrier)
    await server.start()
    async with Client(server.address, api_key=API_KEY) as client:
        yield client
    await server.stop()


async def _start_batch(client: Client, people: int) -> str:
    agent = await client.agents.find("Reminder") or await client.agents.create("Reminder")
    created = await client.batches.create(
        agent_id=agent.agent_id,
        display_name="Pause test",
        calls=[NewCall(f"+1555{number:07d}") for number in range(people)],
    )
    return created.batch.batch_id


class Sendings:
    """Lets a test wait until so many more requests of a batch have been let go."""

    def __init__(self, client: Client, batch_id: str) -> None:
        self._watch = client.batches.watch(
            batch_id,
            delivery=WATCH_DELIVERY_EVERY_EVENT,
            min_interval=timedelta(milliseconds=20),
        )

    async def wait_for(self, more: int) -> None:
        async for message in self._watch:
            more -= sum(event.type == EVENT_TYPE_CALL_SENDING for event in message.events)
            if more <= 0:
                return
        raise AssertionError("the batch has ended before")


async def _quiet(carrier: CarrierProcess, client: Client) -> bool:
    """Whether the carrier's log stays as it is over several round trips of the server, each
    of which a request that was on its way would have overtaken."""
    before = count_placed(carrier.log)
    for _ in range(20):
        await client.server_info()
        await asyncio.sleep(0)
    return count_placed(carrier.log) == before


@pytest.mark.timeout(180)
async def test_no_request_follows_a_pause_that_answers_zero_in_flight(
    client: Client, carrier: CarrierProcess
) -> None:
    loop = asyncio.get_running_loop()
    batch_id = await _start_batch(client, people=6_000)
    sendings = Sendings(client, batch_id)
    zero = 0
    for _ in range(PAUSES):
        await sendings.wait_for(60)
        asked_at = loop.time()
        paused = await client.batches.pause(batch_id)
        took = timedelta(seconds=loop.time() - asked_at)
        assert took <= CARRIER_DEADLINE + ANSWER_MARGIN
        if paused.sends_in_flight == 0:
            zero += 1
            assert await _quiet(carrier, client)
        await client.batches.resume(batch_id)
    assert zero == PAUSES, "a carrier that answers in time leaves nothing in flight"
    await client.batches.cancel(batch_id)


@pytest.mark.timeout(120)
async def test_no_request_follows_a_cancel_that_answers_zero_in_flight(
    client: Client, carrier: CarrierProcess
) -> None:
    for _ in range(5):
        batch_id = await _start_batch(client, people=400)
        await Sendings(client, batch_id).wait_for(120)
        cancelled = await client.batches.cancel(batch_id)
        assert cancelled.sends_in_flight == 0
        assert await _quiet(carrier, client)
