"""A failover to a standby that lost commits, in the middle of a batch. The carrier, a process
of its own, is the judge of what rang."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED
from outdial.v1.scheduled_call_pb2 import SCHEDULED_CALL_STATE_SKIPPED

from outdial_client import Client, NewBatch, NewCall
from support.databases import PostgresServer, start_postgres
from support.processes import API_KEY, CarrierProcess, ServerProcess, read_ringing
from support.standby import Standby

PEOPLE = 300
CAP = 20

PROFILE = {
    "seed": 9,
    "request_latency_ms": "0-20",
    "ring_ms": "5-40",
    "talk_ms": "100-500",
}


@pytest.fixture
async def carrier(tmp_path: Path) -> AsyncIterator[CarrierProcess]:
    async with CarrierProcess(tmp_path, PROFILE).running() as process:
        yield process


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    """Of this test alone: it is to die."""
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture
def standby(primary: PostgresServer) -> Iterator[Standby]:
    standby = Standby(primary)
    yield standby
    standby.stop()


async def until_ended(client: Client, batch_id: str, calls: int) -> None:
    async with client.batches.watch(batch_id) as progress:
        async for message in progress:
            if message.counts.completed + message.counts.failed >= calls:
                return


@pytest.mark.slow
@pytest.mark.timeout(420)
async def test_nobody_is_rung_twice_after_a_failover_that_lost_commits(
    tmp_path: Path, carrier: CarrierProcess, primary: PostgresServer, standby: Standby
) -> None:
    url = primary.url(await primary.new_database())
    settings = {"OUTDIAL_UNKNOWN_SETTLE_SECONDS": "3", "OUTDIAL_LEASE_SECONDS": "4"}
    (tmp_path / "second").mkdir()
    servers = [
        ServerProcess(tmp_path, url, carrier, **settings),
        ServerProcess(tmp_path / "second", url, carrier, **settings),
    ]
    async with servers[0].running(), servers[1].running():
        await run_over_a_failover(servers, carrier, standby)


async def run_over_a_failover(
    servers: list[ServerProcess], carrier: CarrierProcess, standby: Standby
) -> None:
    first = servers[0]
    async with Client(first.address, api_key=API_KEY) as client:
        agent = await client.agents.create("Reminder")
        created = await client.batches.create(
            NewBatch(display_name="Failover", agent_id=agent.agent_id, max_concurrent_calls=CAP),
            [NewCall(address=f"+1555{number:07d}") for number in range(PEOPLE)],
        )
        batch_id = created.batch.batch_id
        await until_ended(client, batch_id, PEOPLE // 5)
        await asyncio.to_thread(standby.copy)
        known = read_ringing(carrier.log).placed
        await until_ended(client, batch_id, PEOPLE // 2)
        lost = read_ringing(carrier.log).placed - known
    assert lost, "a failover that loses no call proves little"
    await asyncio.to_thread(standby.take_over)
    async with Client(first.address, api_key=API_KEY) as client:
        batch = await client.batches.wait_until_ended(batch_id)
        assert batch.state == BATCH_STATE_COMPLETED
        counts = batch.counts
        assert counts.completed + counts.failed + counts.skipped == PEOPLE
        reasons = Counter(
            [
                row.state_reason
                async for row in client.scheduled_calls.list(batch_id, page_size=1000)
                if row.state == SCHEDULED_CALL_STATE_SKIPPED
            ]
        )
        assert (await client.accounts.get()).active_calls == 0
    assert reasons == {"CALLED_BEFORE_FAILOVER": counts.skipped}
    assert counts.skipped >= lost.total() - CAP, "of those lost some may wait for nothing else"
    # A server hears of it from the database, and need not before it is over.
    logs = "".join(server.output.read_text() for server in servers)
    assert '"action":"dialling.held","obstacle":"quarantine"' in logs
    ringing = read_ringing(carrier.log)
    assert max(ringing.placed.values()) == 1, "a call was placed twice"
    assert max(ringing.addresses.values()) == 1, "a person was rung twice"
    assert ringing.live_most <= CAP
