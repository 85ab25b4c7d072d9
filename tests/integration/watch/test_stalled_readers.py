"""Readers that open a stream and stop reading: the server's memory stays where it is, the
others are told in time, and who reads on is told everything."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    WATCH_DELIVERY_EVERY_EVENT,
    WatchBatchRequest,
    WatchBatchResponse,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from support.grpc import call, with_key
from support.processes import API_KEY, CarrierProcess, ServerProcess
from support.watch_checkers import check_gapless, check_ordered, check_unique
from support.watch_messages import GrpcReader, Stream, told_message, watch

KEY = with_key(API_KEY)
ROWS = 4000
EVENTS_LEAST = ROWS * 4
STALLED = 100
# Held for each stalled stream: a message, and what gRPC sends ahead of a reader (64 KiB
# here and there). A queue for each would be some 250 bytes an event, 500 MB in all.
STREAM_MAX_BYTES = 1024 * 1024
# Else gRPC takes megabytes ahead of a reader, and none would hold the server up.
_SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * 1024))
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """In a process of its own: here, gRPC holds for stalled readers what they do not read."""
    server = ServerProcess(
        tmp_path,
        f"sqlite:///{tmp_path / 'outdial.db'}",
        # The one inside is meant; this one is not started.
        CarrierProcess(tmp_path, {}),
        OUTDIAL_SIMULATED_CARRIER_URL="",
        OUTDIAL_SIMULATE="1",
        OUTDIAL_SIMULATE_PROFILE="fast",
        OUTDIAL_LOG_LEVEL="warning",
    )
    async with server.running():
        yield server


@pytest.fixture
async def channel(server: ServerProcess) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server.address, _SMALL_WINDOW) as channel:
        yield channel


async def metric(server: ServerProcess, name: str) -> float:
    async with httpx.AsyncClient() as client:
        page = await client.get(f"{server.environment['OUTDIAL_PUBLIC_URL']}/metrics")
    (line,) = (line for line in page.text.splitlines() if line.startswith(f"{name} "))
    return float(line.split()[1])


def resident_bytes(server: ServerProcess) -> int:
    assert server.child is not None
    fields = Path(f"/proc/{server.child.pid}/statm").read_text().split()
    return int(fields[1]) * PAGE_BYTES


async def new_batch(channel: grpc.aio.Channel) -> str:
    agent = await call(channel, "CreateAgent", KEY, agent=Agent(display_name="Ada"))
    rows = [ScheduledCall(address=f"+1555{n:07d}") for n in range(ROWS)]
    batch = Batch(agent_id=agent.agent.agent_id, display_name="stalled")
    made = await call(channel, "CreateBatch", KEY, batch=batch, scheduled_calls=rows, draft=True)
    batch_id: str = made.batch.batch_id
    return batch_id


async def first_token(channel: grpc.aio.Channel, batch_id: str) -> str:
    stream = watch(channel, KEY, WatchBatchRequest(batch_id=batch_id))
    token = ""
    while not token:
        token = (await stream.read()).resume_token
    stream.cancel()
    return token


async def read_to_the_end(stream: Stream) -> GrpcReader:
    reader = GrpcReader(None, KEY, WatchBatchRequest())  # type: ignore[arg-type]
    while isinstance(message := await stream.read(), WatchBatchResponse):
        reader.told.append(told_message(message))
    return reader


@pytest.mark.slow
async def test_readers_that_stop_reading_cost_what_was_said(
    server: ServerProcess, channel: grpc.aio.Channel
) -> None:
    batch_id = await new_batch(channel)
    request = WatchBatchRequest(
        batch_id=batch_id,
        delivery=WATCH_DELIVERY_EVERY_EVENT,
        resume_token=await first_token(channel, batch_id),
        min_interval=Duration(nanos=20_000_000),
    )
    stalled = [watch(channel, KEY, request) for _ in range(STALLED)]
    quick = GrpcReader(channel, KEY, request)
    reading = asyncio.create_task(quick.read())
    bytes_before = resident_bytes(server)
    await call(channel, "StartBatch", KEY, batch_id=batch_id)
    async with asyncio.timeout(90):
        await reading

    last = quick.told[-1].sequence
    assert last >= EVENTS_LEAST
    check_gapless(quick.told, 1, last)
    assert await metric(server, "outdial_watch_lag_events") >= last / 2, "nobody was held up"
    grew = resident_bytes(server) - bytes_before
    assert grew <= STALLED * STREAM_MAX_BYTES

    for stream in stalled[:3]:
        slow = await read_to_the_end(stream)
        check_ordered(slow.told)
        check_unique(slow.told)
        check_gapless(slow.told, 1, last)
    for stream in stalled:
        stream.cancel()
