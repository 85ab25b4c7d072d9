"""A PostgreSQL that is stopped and started again under a server, as both faces of its health
tell it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED
from structlog.testing import capture_logs

from outdial_client import Client, NewBatch, NewCall, UnavailableError
from outdial_server.app.server import running_server
from outdial_server.settings import Settings
from support.databases import PostgresServer, start_postgres

pytestmark = pytest.mark.postgres

KEY = "operator.0123456789abcdef0123456789abcdef"
PATIENCE_SECONDS = 120
SERVICES = ("", "outdial.v1.BatchService", "outdial.engine")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """Of this test's own."""
    server = start_postgres(crash_safe=True)
    yield server
    server.stop()


async def turned(streams: list[Any], status: Any) -> None:
    """Waits until each stream of health says so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for stream in streams:
            while (await stream.read()).status != status:
                pass


@pytest.mark.timeout(400)
async def test_a_database_that_goes_and_comes_back_is_told_and_needs_no_restart(
    postgres: PostgresServer,
) -> None:
    name = await postgres.new_database()
    settings = Settings(
        database_url=postgres.url(name),
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=KEY,
        master_key="of-this-test",
        simulate=True,
        simulate_profile="fast",
        drain_seconds=0.2,
    )
    async with (
        running_server(settings) as server,
        Client(f"127.0.0.1:{server.grpc_port}", api_key=KEY) as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}") as http,
    ):
        agent = await client.agents.create("Reminder")
        made = await client.batches.create(
            NewBatch(agent_id=agent.agent_id, display_name="Reminders"),
            [NewCall(address=f"+1555{n:07d}") for n in range(20)],
            draft=True,
        )
        stub = health_pb2_grpc.HealthStub(channel)
        health = [stub.Watch(health_pb2.HealthCheckRequest(service=name)) for name in SERVICES]
        await turned(health, SERVING)
        with capture_logs() as lines:
            await asyncio.to_thread(postgres.stop_at_once)
            await turned(health, NOT_SERVING)
            told = await http.get("/healthz")
            assert (told.status_code, told.json()) == (
                503,
                {"status": "not_serving", "obstacles": {"database": "DATABASE_UNAVAILABLE"}},
            )
            with pytest.raises(UnavailableError):
                await client.batches.delete(made.batch.batch_id)
            await asyncio.to_thread(postgres.start)
            await turned(health, SERVING)
        assert (await http.get("/healthz")).json() == {"status": "serving", "obstacles": {}}
        await client.batches.start(made.batch.batch_id)
        ended = await client.batches.wait_until_ended(made.batch.batch_id)
        assert ended.state == BATCH_STATE_COMPLETED
    said = Counter(line["event"] for line in lines)
    assert (said["dialling.held"], said["dialling.free"]) == (1, 1)
    assert (said["hints.lost"], said["hints.back"]) in ((1, 0), (1, 1))
