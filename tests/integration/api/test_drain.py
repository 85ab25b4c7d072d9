"""How a server stops: told first, finished then, closed last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.app.server import RunningServer, running_server
from outdial_server.domain.errors import UnavailableError
from outdial_server.settings import Settings, SettingsError
from outdial_server.storage import open_store
from support.grpc import call, refusal, with_key

KEY = with_key(OPERATOR_KEY)


@pytest.fixture
def own_settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url=f"sqlite:///{tmp_path / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        # Slow to answer, so that requests are on their way when the server is stopped.
        simulate_profile="fast,request_latency_ms=200-300",
        drain_seconds=5,
    )


@pytest.fixture
async def stopping(own_settings: Settings) -> AsyncIterator[tuple[AsyncExitStack, RunningServer]]:
    async with AsyncExitStack() as stack:
        yield stack, await stack.enter_async_context(running_server(own_settings))


async def new_batch(channel: grpc.aio.Channel, *, draft: bool) -> str:
    agent = await call(channel, "CreateAgent", KEY, agent=Agent(display_name="Ada"))
    made = await call(
        channel,
        "CreateBatch",
        KEY,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="list"),
        scheduled_calls=[ScheduledCall(address=f"+1555{n:07d}") for n in range(50)],
        draft=draft,
    )
    batch_id: str = made.batch.batch_id
    return batch_id


def channel_to(server: RunningServer) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}")


async def _read_on(stream: grpc.aio.UnaryStreamCall) -> None:  # type: ignore[type-arg]
    while await stream.read():
        pass


async def test_watchers_are_told_to_come_back(
    stopping: tuple[AsyncExitStack, RunningServer],
) -> None:
    stack, server = stopping
    async with channel_to(server) as channel:
        batch_id = await new_batch(channel, draft=True)
        stream = BatchServiceStub(channel).WatchBatch(
            WatchBatchRequest(batch_id=batch_id), metadata=KEY
        )
        while not (await stream.read()).snapshot_complete:
            pass
        stop = asyncio.create_task(stack.aclose())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _read_on(stream)
        told = refusal(caught.value)
        await stop
    assert told.code is grpc.StatusCode.UNAVAILABLE
    assert told.info.reason == "SERVER_DRAINING"
    assert told.details[error_details_pb2.RetryInfo].retry_delay.seconds == 1


async def test_health_goes_first(stopping: tuple[AsyncExitStack, RunningServer]) -> None:
    stack, server = stopping
    async with channel_to(server) as channel:
        stream = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.SERVING
        stop = asyncio.create_task(stack.aclose())
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stream.cancel()
        await stop


async def test_nothing_is_left_in_sending(
    stopping: tuple[AsyncExitStack, RunningServer], own_settings: Settings
) -> None:
    stack, server = stopping
    async with channel_to(server) as channel:
        batch_id = await new_batch(channel, draft=False)
        stream = BatchServiceStub(channel).WatchBatch(
            WatchBatchRequest(batch_id=batch_id), metadata=KEY
        )
        while not (await stream.read()).counts.sends_in_flight:
            pass
        await stack.aclose()
    clock = SystemClock()
    url = own_settings.database_url
    store = await open_store(url, clock, UuidV7Ids(clock), InProcessSignals(clock))
    assert await store.batches.sends_in_flight(batch_id) == 0  # type: ignore[arg-type]
    await store.close()


async def test_a_second_server_on_the_same_file_is_refused(
    stopping: tuple[AsyncExitStack, RunningServer], own_settings: Settings
) -> None:
    with pytest.raises(UnavailableError, match="another server has"):
        async with running_server(own_settings):
            pass


async def test_a_port_that_is_taken_is_named(
    stopping: tuple[AsyncExitStack, RunningServer], own_settings: Settings, tmp_path: Path
) -> None:
    taken = own_settings.model_copy(
        update={
            "database_url": f"sqlite:///{tmp_path / 'other.db'}",
            "grpc_listen": f"127.0.0.1:{stopping[1].grpc_port}",
        }
    )
    with pytest.raises(SettingsError, match="OUTDIAL_GRPC_LISTEN"):
        async with running_server(taken):
            pass
