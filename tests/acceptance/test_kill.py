"""kill -9 of the server in the middle of a batch, again and again. The carrier, a process
of its own, is the judge of what rang."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch
from outdial.v1.batch_service_pb2 import WATCH_DELIVERY_EVERY_EVENT, WATCH_SCOPE_BATCH
from outdial.v1.call_pb2 import CALL_STATE_ENDED
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_SENDING, EVENT_TYPE_CALL_UNKNOWN, Event
from outdial.v1.scheduled_call_pb2 import (
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_FAILED,
)

from outdial_client import Client, NewBatch, NewCall
from support.databases import PostgresServer
from support.processes import (
    API_KEY,
    CarrierProcess,
    Ringing,
    ServerProcess,
    read_ringing,
)

CAP = 100

PROFILE = {
    "seed": 7,
    "request_latency_ms": "0-5",
    "ring_ms": "5-40",
    "talk_ms": "50-300",
    "callback_duplicated": 0.05,
    "callback_late": 0.02,
}


@dataclass
class Witness:
    """A watcher that was promised every event exactly once, in order, whatever happens to
    the server."""

    events: list[Event] = field(default_factory=list)
    # Its snapshot is complete: from here on it must miss nothing.
    follows: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, client: Client, batch_id: str) -> None:
        watch = client.batches.watch(
            batch_id,
            delivery=WATCH_DELIVERY_EVERY_EVENT,
            min_interval=timedelta(milliseconds=20),
        )
        async for message in watch:
            self.events.extend(message.events)
            if message.snapshot_complete:
                self.follows.set()

    def before_unknown(self) -> Counter[int]:
        """What calls did right before they became unknown."""
        latest: dict[str, int] = {}
        before: Counter[int] = Counter()
        for event in self.events:
            call_id = event.scheduled_call.call_id
            if event.type == EVENT_TYPE_CALL_UNKNOWN:
                before[latest[call_id]] += 1
            latest[call_id] = event.type
        return before


@pytest.fixture
async def carrier(tmp_path: Path) -> AsyncIterator[CarrierProcess]:
    process = CarrierProcess(tmp_path, PROFILE)
    await process.start()
    yield process
    await process.stop()


@asynccontextmanager
async def stopped_at_the_end(server: ServerProcess) -> AsyncIterator[None]:
    """Also of a test that fails."""
    try:
        yield
    finally:
        await server.stop()


async def wait_until_ended(server: ServerProcess, batch_id: str, calls: int) -> None:
    """Until so many calls have ended. Over a connection of its own: one that has seen a
    kill waits before it connects again, and the batch would run on meanwhile."""
    async with (
        Client(server.address, api_key=API_KEY) as client,
        client.batches.watch(
            batch_id, scope=WATCH_SCOPE_BATCH, min_interval=timedelta(milliseconds=20)
        ) as progress,
    ):
        async for message in progress:
            assert not message.batch_ended, "the batch ended before the last kill"
            if message.counts.completed + message.counts.failed >= calls:
                return


async def run_with_kills(
    server: ServerProcess, people: int, kills: int, seed: int
) -> tuple[Batch, Witness]:
    """Dials `people` and kills the server `kills` times, at random moments: each after a
    number of calls that was drawn before."""
    rng = random.Random(seed)
    await server.start()
    async with Client(server.address, api_key=API_KEY) as client:
        agent = await client.agents.create("Reminder")
        created = await client.batches.create(
            NewBatch(display_name="Kill test", agent_id=agent.agent_id, max_concurrent_calls=CAP),
            [NewCall(address=f"+1555{number:07d}") for number in range(people)],
            draft=True,
        )
        batch_id = created.batch.batch_id
        witness = Witness()
        following = asyncio.create_task(witness.follow(client, batch_id))
        await witness.follows.wait()
        await client.batches.start(batch_id)
        for ended in sorted(rng.sample(range(1, people * 9 // 10), kills)):
            await wait_until_ended(server, batch_id, ended)
            await server.kill()
            await server.start()
        await following
        batch = await client.batches.get(batch_id)
        await _check_calls(client, batch_id, people)
    return batch, witness


async def _check_calls(client: Client, batch_id: str, people: int) -> None:
    states: Counter[int] = Counter()
    async for row in client.scheduled_calls.list(batch_id, page_size=1000):
        states[row.state] += 1
    assert states.total() == people
    assert set(states) <= {SCHEDULED_CALL_STATE_COMPLETED, SCHEDULED_CALL_STATE_FAILED}
    async for call in client.calls.list(batch_id=batch_id, page_size=1000):
        assert call.state == CALL_STATE_ENDED
    assert (await client.accounts.get()).active_calls == 0


def check_witness(witness: Witness, batch: Batch) -> None:
    sequences = [event.sequence for event in witness.events]
    # The first event, BATCH_CREATED, was before its snapshot.
    assert sequences == list(range(2, batch.sequence + 1))


async def check_against_carrier(server: ServerProcess, ringing: Ringing, batch: Batch) -> None:
    assert max(ringing.placed.values()) == 1, "a call was placed twice"
    assert max(ringing.addresses.values()) == 1, "a person was rung twice"
    assert ringing.live_most <= CAP
    async with Client(server.address, api_key=API_KEY) as client:
        async for row in client.scheduled_calls.list(batch.batch_id, page_size=1000):
            if row.state == SCHEDULED_CALL_STATE_COMPLETED:
                assert ringing.addresses[row.address] == 1, "completed, but never rang"


@pytest.mark.timeout(420)
async def test_nobody_is_lost_or_rung_twice_over_fifty_kills(
    tmp_path: Path, carrier: CarrierProcess
) -> None:
    url = f"sqlite:///{tmp_path / 'outdial.db'}"
    server = ServerProcess(tmp_path, url, carrier, OUTDIAL_UNKNOWN_SETTLE_SECONDS="3")
    async with stopped_at_the_end(server):
        batch, witness = await run_with_kills(server, people=5_000, kills=50, seed=1)
        assert witness.before_unknown(), "fifty kills that met no request prove little"
        await check_verdict(server, carrier, batch, witness, kills=50)


@pytest.mark.timeout(300)
async def test_nobody_is_lost_or_rung_twice_on_postgresql(
    tmp_path: Path, carrier: CarrierProcess, postgres: PostgresServer
) -> None:
    url = postgres.url(await postgres.new_database())
    server = ServerProcess(tmp_path, url, carrier, OUTDIAL_UNKNOWN_SETTLE_SECONDS="3")
    async with stopped_at_the_end(server):
        batch, witness = await run_with_kills(server, people=1_000, kills=6, seed=2)
        await check_verdict(server, carrier, batch, witness, kills=6)


async def check_verdict(
    server: ServerProcess,
    carrier: CarrierProcess,
    batch: Batch,
    witness: Witness,
    kills: int,
) -> None:
    assert batch.state == BATCH_STATE_COMPLETED
    assert batch.counts.completed + batch.counts.failed == batch.counts.total
    assert batch.counts.unknown == 0
    check_witness(witness, batch)
    # Unknown are calls that were in SENDING at a kill, and no others.
    unknown = witness.before_unknown()
    assert set(unknown) <= {EVENT_TYPE_CALL_SENDING}
    assert unknown.total() <= kills * CAP
    await check_against_carrier(server, read_ringing(carrier.log), batch)
