"""ForecastBatch on a whole server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_DRAFT, BATCH_STATE_SCHEDULED, Batch
from outdial.v1.forecast_pb2 import Forecast
from outdial.v1.scheduled_call_pb2 import (
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_EXPIRED,
    ScheduledCall,
)
from tests.integration.conftest import OPERATOR_KEY

from support.grpc import call, with_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = with_key(OPERATOR_KEY)
ROWS = [ScheduledCall(address=f"+43664123456{n}") for n in range(10)]


async def new_batch(channel: grpc.aio.Channel, name: str, **fields: Any) -> str:
    agent = await call(channel, "CreateAgent", KEY, agent=Agent(display_name=name))
    batch = Batch(agent_id=agent.agent.agent_id, display_name=name, **fields)
    made = await call(
        channel, "CreateBatch", KEY, batch=batch, scheduled_calls=ROWS, draft="window" not in name
    )
    batch_id: str = made.batch.batch_id
    return batch_id


async def forecast(channel: grpc.aio.Channel, batch_id: str, **fields: Any) -> Forecast:
    answer = await call(channel, "ForecastBatch", KEY, batch_id=batch_id, **fields)
    found: Forecast = answer.forecast
    return found


def in_hours(hours: int) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(hours=hours))
    return moment


async def test_a_draft_is_forecast_as_if_it_started_now(grpc_channel: grpc.aio.Channel) -> None:
    batch_id = await new_batch(grpc_channel, "a draft", max_concurrent_calls=2)
    found = await forecast(grpc_channel, batch_id)
    assert found.batch_id == batch_id
    assert found.state == BATCH_STATE_DRAFT
    assert found.basis.assumes_start
    assert found.range_percent == 80
    assert found.first_call_time.point == found.at
    ends = found.end_time
    assert found.at.ToDatetime() < ends.low.ToDatetime() <= ends.point.ToDatetime()
    assert ends.point.ToDatetime() <= ends.high.ToDatetime() < found.horizon_time.ToDatetime()
    assert (found.calls.low, found.calls.point, found.calls.high) == (10, 10, 10)
    assert sum(c.calls.point for c in found.calls_by_disposition) == pytest.approx(10, abs=3)
    assert found.people[0].state == SCHEDULED_CALL_STATE_COMPLETED
    assert sum(point.calls for point in found.series) == pytest.approx(10)
    slots = [limit for point in found.series for limit in point.limits]
    assert {limit.gate for limit in slots} >= {"slots_batch", "slots_account"}
    assert max(limit.used for limit in slots if limit.gate == "slots_batch") <= 2


async def test_a_window_and_a_horizon_bound_it(grpc_channel: grpc.aio.Channel) -> None:
    batch_id = await new_batch(
        grpc_channel,
        "in its window",
        window_start=in_hours(1),
        window_end=in_hours(2),
        max_concurrent_calls=1,
    )
    found = await forecast(grpc_channel, batch_id, horizon=Duration(seconds=1800))
    assert found.state == BATCH_STATE_SCHEDULED
    assert not found.end_time.HasField("point")
    assert found.unfinished_runs == found.runs
    assert found.waiting.point == 10
    whole = await forecast(grpc_channel, batch_id)
    assert whole.first_call_time.point.ToDatetime() > whole.at.ToDatetime() + timedelta(minutes=59)
    assert whole.unfinished_runs == 0
    expired = [p for p in whole.people if p.state == SCHEDULED_CALL_STATE_EXPIRED]
    assert expired[0].people.point == 0


async def test_an_agent_that_is_not_active_holds_it_for_good(
    grpc_channel: grpc.aio.Channel,
) -> None:
    batch_id = await new_batch(grpc_channel, "window of a rest", window_start=in_hours(1))
    batch = await call(grpc_channel, "GetBatch", KEY, batch_id=batch_id)
    agent = Agent(agent_id=batch.batch.agent_id, active=False)
    await call(grpc_channel, "UpdateAgent", KEY, agent=agent, update_mask={"paths": ["active"]})
    found = await forecast(grpc_channel, batch_id)
    assert found.stuck_at.reason == "AGENT_INACTIVE"
    assert found.stuck_at.sentence
    assert not found.end_time.HasField("point")
