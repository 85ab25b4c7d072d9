"""Pause and cancel under load, with a carrier that is slow to answer: after an answer with
`sends_in_flight` 0 the carrier sees no new request."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from outdial.v1.batch_service_pb2 import WATCH_DELIVERY_EVERY_EVENT
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_SENDING

from outdial_client import Client, NewBatch, NewCall
from support.processes import API_KEY, CarrierProcess, ServerProcess, requested_at_us

PAUSES = 20
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
    async with CarrierProcess(tmp_path, SLOW).running() as process:
        yield process


@pytest.fixture
async def client(tmp_path: Path, carrier: CarrierProcess) -> AsyncIterator[Client]:
    server = ServerProcess(tmp_path, f"sqlite:///{tmp_path / 'outdial.db'}", carrier)
    async with server.running(), Client(server.address, api_key=API_KEY) as client:
        yield client


async def _start_batch(client: Client, people: int) -> str:
    agent = await client.agents.find("Reminder") or await client.agents.create("Reminder")
    created = await client.batches.create(
        NewBatch(display_name="Pause test", agent_id=agent.agent_id),
        [NewCall(address=f"+1555{number:07d}") for number in range(people)],
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


@dataclass
class Silence:
    """Times, by this machine's clock, in which no request may reach the carrier."""

    spans_us: list[tuple[int, int]] = field(default_factory=list)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        begin = time.time_ns() // 1000
        yield
        self.spans_us.append((begin, time.time_ns() // 1000))

    def broken_by(self, carrier: CarrierProcess) -> list[int]:
        """Moments of requests that came to the carrier all the same."""
        return [
            at
            for at in requested_at_us(carrier.log)
            if any(begin <= at <= end for begin, end in self.spans_us)
        ]


async def _many_round_trips(client: Client) -> None:
    """Time for a request that was let go too late to arrive: it would overtake these."""
    for _ in range(100):
        await client.server_info()


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_no_request_follows_a_pause_that_answers_zero_in_flight(
    client: Client, carrier: CarrierProcess
) -> None:
    loop = asyncio.get_running_loop()
    batch_id = await _start_batch(client, people=6_000)
    sendings = Sendings(client, batch_id)
    silence = Silence()
    for _ in range(PAUSES):
        await sendings.wait_for(60)
        asked_at = loop.time()
        paused = await client.batches.pause(batch_id)
        took = timedelta(seconds=loop.time() - asked_at)
        assert took <= CARRIER_DEADLINE + ANSWER_MARGIN
        assert paused.sends_in_flight == 0, "a carrier that answers in time leaves none"
        async with silence.kept():
            await _many_round_trips(client)
        await client.batches.resume(batch_id)
    await client.batches.cancel(batch_id)
    assert silence.broken_by(carrier) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_no_request_follows_a_cancel_that_answers_zero_in_flight(
    client: Client, carrier: CarrierProcess
) -> None:
    silence = Silence()
    for _ in range(5):
        batch_id = await _start_batch(client, people=400)
        await Sendings(client, batch_id).wait_for(120)
        cancelled = await client.batches.cancel(batch_id)
        assert cancelled.sends_in_flight == 0
        async with silence.kept():
            await _many_round_trips(client)
    assert silence.broken_by(carrier) == []
