"""ExportScheduledCalls over real streams."""

import asyncio

import grpc.aio
import httpx
import pytest
from outdial.v1.batch_pb2 import Batch
from outdial.v1.call_pb2 import CALL_STATE_ENDED
from outdial.v1.scheduled_call_pb2 import (
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_WAITING,
    ScheduledCall,
)
from outdial.v1.scheduled_call_service_pb2 import (
    ExportScheduledCallsRequest,
    ExportScheduledCallsResponse,
    ScheduledCallResult,
)
from outdial.v1.scheduled_call_service_pb2_grpc import ScheduledCallServiceStub
from tests.integration.api.conftest import Belongings, watch_to_the_end

from outdial_server.app.server import RunningServer
from outdial_server.commands.export_scheduled_calls import ROWS_PER_READ_MAX
from support.grpc import call, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHOD = "/outdial.v1.ScheduledCallService/ExportScheduledCalls"

# Most of such rows are still to be read when a stream stands still.
LONG = {f"label-{n}": "x" * 500 for n in range(10)}

Stream = grpc.aio.UnaryStreamCall[ExportScheduledCallsRequest, ExportScheduledCallsResponse]


async def new_batch(
    channel: grpc.aio.Channel, ours: Belongings, rows: int, *, draft: bool, **fields: object
) -> str:
    made = await call(
        channel,
        "CreateBatch",
        ours.tenant.key,
        batch=Batch(agent_id=ours.agent_id, display_name="list"),
        scheduled_calls=[
            ScheduledCall(address=f"+1555{n:07d}", custom_id=f"p{n}", **fields)  # type: ignore[arg-type]
            for n in range(rows)
        ],
        draft=draft,
    )
    batch_id: str = made.batch.batch_id
    return batch_id


def export(
    channel: grpc.aio.Channel, ours: Belongings, batch_id: str, from_position: int = 0
) -> Stream:
    request = ExportScheduledCallsRequest(batch_id=batch_id, from_position=from_position)
    stub = ScheduledCallServiceStub(channel)
    stream: Stream = stub.ExportScheduledCalls(request, metadata=tuple(ours.tenant.key))
    return stream


async def read(stream: Stream) -> list[ScheduledCallResult]:
    results: list[ScheduledCallResult] = []
    while isinstance(message := await stream.read(), ExportScheduledCallsResponse):
        results += message.results
    return results


async def test_every_row_comes_with_its_call(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    count = ROWS_PER_READ_MAX + 100
    batch_id = await new_batch(grpc_channel, ours, count, draft=False)
    await watch_to_the_end(grpc_channel, ours.tenant.key, batch_id)
    results = await read(export(grpc_channel, ours, batch_id))
    assert [r.scheduled_call.custom_id for r in results] == [f"p{n}" for n in range(count)]
    for result in results:
        assert result.call.call_id == result.scheduled_call.call_id
        assert result.call.scheduled_call_id == result.scheduled_call.scheduled_call_id
        assert (result.call.state, result.call.attempt_number) == (CALL_STATE_ENDED, 1)
        assert result.call.HasField("end_time")
    (completed, *_) = (
        r for r in results if r.scheduled_call.state == SCHEDULED_CALL_STATE_COMPLETED
    )
    one = await call(
        grpc_channel, "GetCall", ours.tenant.key, call_id=completed.scheduled_call.call_id
    )
    assert completed.call == one.call


async def test_a_broken_stream_goes_on_behind_the_last_row(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    batch_id = await new_batch(grpc_channel, ours, 900, draft=True)
    stream = export(grpc_channel, ours, batch_id)
    first = await stream.read()
    stream.cancel()
    assert isinstance(first, ExportScheduledCallsResponse)
    last = first.results[-1].scheduled_call.position
    rest = await read(export(grpc_channel, ours, batch_id, last + 1))
    positions = [r.scheduled_call.position for r in [*first.results, *rest]]
    assert positions == list(range(900))
    assert not any(result.HasField("call") for result in rest)


async def test_rows_are_filtered_by_state(grpc_channel: grpc.aio.Channel, ours: Belongings) -> None:
    batch_id = await new_batch(grpc_channel, ours, 3, draft=True)
    for states, count in (((SCHEDULED_CALL_STATE_WAITING,), 3), ((5, 6), 0)):
        request = ExportScheduledCallsRequest(batch_id=batch_id, states=states)  # type: ignore[arg-type]
        stub = ScheduledCallServiceStub(grpc_channel)
        stream = stub.ExportScheduledCalls(request, metadata=tuple(ours.tenant.key))
        assert len(await read(stream)) == count
    wrong = await refused(
        grpc_channel,
        "ExportScheduledCalls",
        ours.tenant.key,
        ExportScheduledCallsRequest(batch_id=batch_id, states=[77]),  # type: ignore[list-item]
    )
    assert wrong.fields == ["states[0]"]


async def test_a_batch_deleted_in_between_ends_the_stream(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    batch_id = await new_batch(grpc_channel, ours, 2000, draft=True, metadata=LONG)
    stream = export(grpc_channel, ours, batch_id)
    assert isinstance(await stream.read(), ExportScheduledCallsResponse)
    await call(grpc_channel, "DeleteBatch", ours.tenant.key, batch_id=batch_id)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await read(stream)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def open_now(metrics: str) -> float:
    """A method that nobody has called yet has no line."""
    name = f'outdial_grpc_open_requests{{method="{METHOD}"}} '
    lines = [line for line in metrics.splitlines() if line.startswith(name)]
    return sum(float(line.removeprefix(name)) for line in lines)


async def open_streams(http: httpx.AsyncClient, count: int) -> None:
    """Returns when so many are open."""
    async with asyncio.timeout(30):
        while open_now((await http.get("/metrics")).text) != count:
            pass


async def test_whoever_leaves_ends_it(
    grpc_channel: grpc.aio.Channel, grpc_server: RunningServer, ours: Belongings
) -> None:
    batch_id = await new_batch(grpc_channel, ours, 2000, draft=True, metadata=LONG)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{grpc_server.http_port}") as http:
        await open_streams(http, 0)
        stream = export(grpc_channel, ours, batch_id)
        await stream.read()
        await open_streams(http, 1)
        stream.cancel()
        await open_streams(http, 0)
        assert f'code="INTERNAL",method="{METHOD}"' not in (await http.get("/metrics")).text
