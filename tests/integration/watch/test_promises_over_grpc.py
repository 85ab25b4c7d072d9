"""The promises of a watch, on a real server and a real log, over streams that are cut."""

import asyncio
from random import Random

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    WATCH_DELIVERY_EVERY_EVENT,
    WATCH_DELIVERY_LATEST,
    WATCH_SCOPE_BATCH,
    WATCH_SCOPE_CALLS,
    WatchBatchRequest,
    WatchDelivery,
    WatchScope,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.domain.event import EventType
from outdial_server.domain.ids import BatchId
from support.grpc import call, refused, with_key
from support.watch_checkers import (
    check_contiguous_messages,
    check_ended,
    check_gapless,
    check_ordered,
    check_sizes,
    check_states,
    check_terminal_told,
    check_tokens,
    check_unique,
)
from support.watch_messages import GrpcReader, WholeLog, read_whole_log, told_message, watch

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = with_key(OPERATOR_KEY)
QUICK = Duration(nanos=20_000_000)


async def new_draft(channel: grpc.aio.Channel, rows: int) -> str:
    agents = await call(channel, "ListAgents", KEY)
    if not agents.agents:
        await call(channel, "CreateAgent", KEY, agent=Agent(display_name="Ada"))
        agents = await call(channel, "ListAgents", KEY)
    made = await call(
        channel,
        "CreateBatch",
        KEY,
        batch=Batch(agent_id=agents.agents[0].agent_id, display_name="watched"),
        scheduled_calls=[ScheduledCall(address=f"+1555{n:07d}") for n in range(rows)],
        draft=True,
    )
    batch_id: str = made.batch.batch_id
    return batch_id


def a_request(
    batch_id: str,
    delivery: WatchDelivery.ValueType = WATCH_DELIVERY_LATEST,
    scope: WatchScope.ValueType = WATCH_SCOPE_CALLS,
) -> WatchBatchRequest:
    return WatchBatchRequest(batch_id=batch_id, delivery=delivery, scope=scope, min_interval=QUICK)


def check_always(reader: GrpcReader, log: WholeLog, batch_id: str) -> None:
    check_ordered(reader.told)
    check_unique(reader.told)
    check_tokens(reader.told, BatchId(batch_id))
    check_sizes(reader.told)
    check_ended(reader.told)
    assert reader.told[-1].sequence == len(log.events)


@pytest.mark.parametrize("seed", range(3))
async def test_watchers_that_are_cut_anywhere_keep_every_promise(
    grpc_channel: grpc.aio.Channel, seed: int
) -> None:
    chance = Random(seed)
    batch_id = await new_draft(grpc_channel, rows=400)

    def reader(request: WatchBatchRequest, cut_chance: float) -> GrpcReader:
        return GrpcReader(grpc_channel, KEY, request, lambda: chance.random() < cut_chance)

    every = [reader(a_request(batch_id, WATCH_DELIVERY_EVERY_EVENT), c) for c in (0, 0.05, 0.2)]
    latest = [reader(a_request(batch_id), cut_chance) for cut_chance in (0, 0.05, 0.2)]
    batch_only = reader(a_request(batch_id, scope=WATCH_SCOPE_BATCH), 0.3)
    readers = [*every, *latest, batch_only]
    reading = asyncio.gather(*(reader.read() for reader in readers))
    await call(grpc_channel, "StartBatch", KEY, batch_id=batch_id)
    async with asyncio.timeout(60):
        await reading

    log = await read_whole_log(grpc_channel, KEY, batch_id)
    for one in readers:
        check_always(one, log, batch_id)
    for one in every:
        check_contiguous_messages(one.told)
        check_gapless(one.told, _start(one), len(log.events))
    for one in latest:
        check_terminal_told(one.told, log.events, after=_start(one))
    for one in (*every, *latest):
        check_states(one.told, log.states_at)
    own = [e for e in log.events[_start(batch_only) :] if e.row is None]
    assert [e for message in batch_only.told for e in message.events] == own


def _start(reader: GrpcReader) -> int:
    return next(message.sequence for message in reader.told if message.snapshot_complete)


async def test_rows_added_in_a_snapshot_s_way_are_in_it(grpc_channel: grpc.aio.Channel) -> None:
    batch_id = await new_draft(grpc_channel, rows=1000)
    stream = watch(grpc_channel, KEY, a_request(batch_id))
    told = [told_message(await stream.read())]
    rows = [ScheduledCall(address=f"+1556{n:07d}") for n in range(40)]
    await call(grpc_channel, "AddScheduledCalls", KEY, batch_id=batch_id, scheduled_calls=rows)
    while not told[-1].snapshot_complete:
        told.append(told_message(await stream.read()))
    told_rows = {row for message in told for row, _ in message.rows}
    if told[-1].sequence == 2:
        assert len(told_rows) == 1040
    else:
        assert (told[-1].sequence, len(told_rows)) == (1, 1000)
        assert (await stream.read()).counts.total == 1040
    stream.cancel()


async def test_whoever_watched_sees_the_deletion(grpc_channel: grpc.aio.Channel) -> None:
    batch_id = await new_draft(grpc_channel, rows=3)
    reader = GrpcReader(grpc_channel, KEY, a_request(batch_id, WATCH_DELIVERY_EVERY_EVENT))
    reading = asyncio.create_task(reader.read())
    await reader.stands.wait()
    await call(grpc_channel, "DeleteBatch", KEY, batch_id=batch_id)
    async with asyncio.timeout(10):
        told = await reading
    assert told[-1].ended
    assert told[-1].events[-1].type == EventType.BATCH_DELETED
    gone = await refused(grpc_channel, "WatchBatch", KEY, request=reader.request)
    assert (gone.code, gone.info.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        (WatchBatchRequest(resume_token="?"), "resume_token", "RESUME_TOKEN_INVALID"),
        (WatchBatchRequest(min_interval=Duration(nanos=19_999_000)), "min_interval", ""),
        (WatchBatchRequest(min_interval=Duration(seconds=61)), "min_interval", ""),
        (WatchBatchRequest(delivery=7), "delivery", ""),  # type: ignore[arg-type]
        (WatchBatchRequest(scope=7), "scope", ""),  # type: ignore[arg-type]
    ],
)
async def test_a_wrong_field_is_named(
    grpc_channel: grpc.aio.Channel, wrong: WatchBatchRequest, field: str, reason: str
) -> None:
    wrong.batch_id = await new_draft(grpc_channel, rows=1)
    refusal = await refused(grpc_channel, "WatchBatch", KEY, request=wrong)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.info.reason == (reason or "INVALID_FIELD")
    assert refusal.fields == [field]


async def test_an_id_in_capitals_is_followed_all_the_same(grpc_channel: grpc.aio.Channel) -> None:
    batch_id = await new_draft(grpc_channel, rows=3)
    reader = GrpcReader(grpc_channel, KEY, a_request(batch_id.upper()))
    reading = asyncio.create_task(reader.read())
    await call(grpc_channel, "StartBatch", KEY, batch_id=batch_id)
    async with asyncio.timeout(10):
        assert (await reading)[-1].ended
