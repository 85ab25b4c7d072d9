"""The disk of the database fills up in the middle of a batch, and is emptied again. The
carrier, a process of its own, is the judge of what rang."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_SENDING

from outdial_client import Client, NewBatch, NewCall, UnavailableError
from support.full_disk import Disk, LimitedProcess, small_disk
from support.processes import API_KEY, CarrierProcess, ServerProcess, read_ringing

PEOPLE = 300
ROUNDS = 2

PROFILE = {
    "seed": 5,
    "request_latency_ms": "0-20",
    "ring_ms": "5-40",
    "talk_ms": "50-300",
}

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def carrier(tmp_path: Path) -> AsyncIterator[CarrierProcess]:
    async with CarrierProcess(tmp_path, PROFILE).running() as process:
        yield process


@pytest.fixture(params=["a small disk", "a limit"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    """The first is the second, too, where nothing may be mounted."""
    folder = tmp_path / "disk"
    if request.param == "a limit":
        folder.mkdir()
        yield LimitedProcess(folder)
        return
    with small_disk(folder) as disk:
        yield disk


@pytest.fixture
async def server(
    tmp_path: Path, disk: Disk, carrier: CarrierProcess
) -> AsyncIterator[ServerProcess]:
    url = f"sqlite:///{disk.folder / 'outdial.db'}"
    process = ServerProcess(tmp_path, url, carrier, OUTDIAL_UNKNOWN_SETTLE_SECONDS="3")
    async with process.running():
        yield process


async def until_health(server: ServerProcess, wanted: int) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        async for answer in stub.Watch(health_pb2.HealthCheckRequest()):
            if answer.status == wanted:
                return


async def until_ended(client: Client, batch_id: str, calls: int) -> None:
    async with client.batches.watch(batch_id) as progress:
        async for message in progress:
            if message.counts.completed + message.counts.failed >= calls:
                return


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nobody_is_lost_or_rung_twice_over_a_full_disk(
    server: ServerProcess, carrier: CarrierProcess, disk: Disk
) -> None:
    async with (
        Client(server.address, api_key=API_KEY) as client,
        httpx.AsyncClient(base_url=server.http_url, timeout=30) as http,
    ):
        agent = await client.agents.create("Reminder")
        created = await client.batches.create(
            NewBatch(display_name="Full disk", agent_id=agent.agent_id, max_concurrent_calls=20),
            [NewCall(address=f"+1555{number:07d}") for number in range(PEOPLE)],
        )
        batch_id = created.batch.batch_id
        assert server.child is not None
        for ended in range(1, ROUNDS + 1):
            await until_ended(client, batch_id, ended * PEOPLE // (ROUNDS + 2))
            disk.fill(server.child.pid)
            await until_health(server, NOT_SERVING)
            await check_refusals(client, http, disk, batch_id)
            disk.empty(server.child.pid)
            await until_health(server, SERVING)
            assert (await http.get("/healthz")).json() == {"status": "serving", "obstacles": {}}
        await until_ended(client, batch_id, PEOPLE)
        batch = await client.batches.wait_until_ended(batch_id)
        assert batch.state == BATCH_STATE_COMPLETED
        assert batch.counts.completed + batch.counts.failed == PEOPLE
        assert (await client.accounts.get()).active_calls == 0
        sent = {
            event.scheduled_call.call_id
            async for event in client.batches.events(batch_id, page_size=1000)
            if event.type == EVENT_TYPE_CALL_SENDING
        }
    ringing = read_ringing(carrier.log)
    assert max(ringing.addresses.values()) == 1, "a person was rung twice"
    assert ringing.placed.total() == batch.counts.dispatch_accepted, "a call was lost"
    assert ringing.placed.keys() <= sent, "a request left without a durable intent"
    if disk.leaves_logs:
        check_log(server.output.read_text(), disk)


async def check_refusals(
    client: Client, http: httpx.AsyncClient, disk: Disk, batch_id: str
) -> None:
    """What is written is refused by its cause; what is read is answered."""
    answer = await http.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not_serving", "obstacles": {"database": disk.reason}}
    with pytest.raises(UnavailableError) as refusal:
        await client.agents.create("Another")
    assert refusal.value.reason == disk.reason
    assert (await client.batches.get(batch_id)).counts.total == PEOPLE
    explained = await client.batches.explain(batch_id)
    assert disk.reason in [gate.reason for gate in explained.gates]


def check_log(log: str, disk: Disk) -> None:
    assert log.count("dialling.held") == ROUNDS
    assert log.count("dialling.free") == ROUNDS
    assert log.count(disk.reason) >= 2 * ROUNDS
    # Whoever had begun before it was known.
    assert log.count("engine.tick_failed") <= 12 * ROUNDS
