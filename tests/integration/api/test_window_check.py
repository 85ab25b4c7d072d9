"""Windows that are too short, estimates, and requests that only validate, on a whole server."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import DUPLICATE_POLICY_SKIP, Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.window_pb2 import (
    LENGTH_SOURCE_GIVEN,
    WINDOW_CHECK_REFUSE,
    WINDOW_CHECK_WARN,
)
from tests.integration.conftest import OPERATOR_KEY

from support.grpc import Refusal, call, refused, with_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = with_key(OPERATOR_KEY)
_numbers = count(1)

ROWS = [ScheduledCall(address=f"+43664123456{n}") for n in range(5)]


def in_seconds(seconds: int) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(seconds=seconds))
    return moment


async def a_batch(channel: grpc.aio.Channel, **fields: Any) -> Batch:
    """One call at a time, of a minute each, in a window of two minutes."""
    name = f"Ada of windows {next(_numbers)}"
    agent = await call(channel, "CreateAgent", KEY, agent=Agent(display_name=name))
    settings: dict[str, Any] = {
        "max_concurrent_calls": 1,
        "expected_call_duration": Duration(seconds=60),
        "window_end": in_seconds(120),
    }
    return Batch(agent_id=agent.agent.agent_id, display_name="Reminders", **{**settings, **fields})


def assert_too_short(refusal: Refusal, field: str, calls: int, seconds: int) -> Timestamp:
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.info.reason == "WINDOW_TOO_SHORT"
    assert refusal.fields == [field]
    assert refusal.info.metadata["calls"] == str(calls)
    assert refusal.info.metadata["estimate_seconds"] == str(seconds)
    end = Timestamp()
    end.FromJsonString(refusal.info.metadata["earliest_window_end"])
    return end


async def batches(channel: grpc.aio.Channel) -> int:
    return len((await call(channel, "ListBatches", KEY, page_size=1000)).batches)


async def test_the_end_that_a_refusal_names_is_late_enough(grpc_channel: grpc.aio.Channel) -> None:
    batch = await a_batch(grpc_channel)
    before = await batches(grpc_channel)
    request = {"batch": batch, "scheduled_calls": ROWS}
    refusal = await refused(grpc_channel, "CreateBatch", KEY, **request)
    end = assert_too_short(refusal, "batch.window_end", calls=5, seconds=241)
    assert await batches(grpc_channel) == before
    batch.window_end.CopyFrom(end)
    made = await call(grpc_channel, "CreateBatch", KEY, draft=True, **request)
    assert made.window_estimate.fits
    assert made.window_estimate.smallest_window == Duration(seconds=241)
    assert made.window_estimate.expected_from == LENGTH_SOURCE_GIVEN
    assert made.window_estimate.slots == 1
    assert made.batch.window_check == WINDOW_CHECK_REFUSE
    batch_id = made.batch.batch_id
    more = [ScheduledCall(address=f"+43664123457{n}") for n in range(5)]
    refusal = await refused(
        grpc_channel, "AddScheduledCalls", KEY, batch_id=batch_id, scheduled_calls=more
    )
    assert_too_short(refusal, "scheduled_calls", calls=10, seconds=541)
    refusal = await refused(
        grpc_channel,
        "UpdateBatch",
        KEY,
        batch=Batch(batch_id=batch_id, window_end=in_seconds(60)),
        update_mask=FieldMask(paths=["window_end"]),
    )
    assert_too_short(refusal, "batch.window_end", calls=5, seconds=241)


async def test_a_warning_is_kept_with_the_batch(grpc_channel: grpc.aio.Channel) -> None:
    batch = await a_batch(grpc_channel, window_check=WINDOW_CHECK_WARN)
    made = await call(
        grpc_channel, "CreateBatch", KEY, batch=batch, scheduled_calls=ROWS, draft=True
    )
    assert made.batch.schedule_warning == "WINDOW_TOO_SHORT"
    assert not made.window_estimate.fits
    read = await call(grpc_channel, "GetBatch", KEY, batch_id=made.batch.batch_id)
    assert read.batch.schedule_warning == "WINDOW_TOO_SHORT"


async def test_validating_makes_nothing_and_uses_up_no_request_id(
    grpc_channel: grpc.aio.Channel,
) -> None:
    batch = await a_batch(
        grpc_channel, window_end=in_seconds(3600), duplicates=DUPLICATE_POLICY_SKIP
    )
    before = await batches(grpc_channel)
    request = {
        "batch": batch,
        "scheduled_calls": [*ROWS, ROWS[0]],
        "draft": True,
        "request_id": "only-once",
    }
    told = await call(grpc_channel, "CreateBatch", KEY, validate_only=True, **request)
    assert told.batch.batch_id == ""
    assert (told.batch.counts.total, told.duplicate_count) == (5, 1)
    assert [row.index for row in told.skipped_duplicates] == [5]
    assert told.window_estimate.call_count == 5
    assert await batches(grpc_channel) == before
    made = await call(grpc_channel, "CreateBatch", KEY, **request)
    assert await batches(grpc_channel) == before + 1
    # A request that was carried out is validated all the same.
    again = await call(grpc_channel, "CreateBatch", KEY, validate_only=True, **request)
    assert again.batch.batch_id == ""
    assert again.batch.counts == made.batch.counts


async def test_validating_refuses_faulty_rows(grpc_channel: grpc.aio.Channel) -> None:
    batch = await a_batch(grpc_channel)
    refusal = await refused(
        grpc_channel,
        "CreateBatch",
        KEY,
        batch=batch,
        scheduled_calls=[ROWS[0], ScheduledCall(address="nobody")],
        validate_only=True,
    )
    assert refusal.fields == ["scheduled_calls[1].address"]


async def test_lists_and_changes_are_validated(grpc_channel: grpc.aio.Channel) -> None:
    batch = await a_batch(grpc_channel, window_end=in_seconds(3600))
    made = await call(
        grpc_channel, "CreateBatch", KEY, batch=batch, scheduled_calls=ROWS, draft=True
    )
    batch_id = made.batch.batch_id
    rows = [ScheduledCall(address="+436641234580")]
    added = await call(
        grpc_channel,
        "AddScheduledCalls",
        KEY,
        batch_id=batch_id,
        scheduled_calls=rows,
        validate_only=True,
    )
    assert added.batch.counts.total == 6
    assert added.window_estimate.call_count == 6
    changed = await call(
        grpc_channel,
        "UpdateBatch",
        KEY,
        batch=Batch(batch_id=batch_id, display_name="Another"),
        update_mask=FieldMask(paths=["display_name"]),
        validate_only=True,
    )
    assert changed.batch.display_name == "Another"
    read = await call(grpc_channel, "GetBatch", KEY, batch_id=batch_id)
    assert read.batch == made.batch


async def test_a_window_is_estimated_before_there_is_a_list(
    grpc_channel: grpc.aio.Channel,
) -> None:
    batch = await a_batch(grpc_channel)
    batch.ClearField("display_name")
    batch.ClearField("window_end")
    told = await call(grpc_channel, "EstimateWindow", KEY, batch=batch, call_count=1_000)
    assert told.estimate.smallest_window == Duration(seconds=999 * 60 + 1)
    assert told.estimate.fits
    batch.max_calls_per_day = 1
    told = await call(grpc_channel, "EstimateWindow", KEY, batch=batch, call_count=1_000_000)
    assert not told.estimate.HasField("smallest_window")
    assert not told.estimate.HasField("earliest_window_end")
    assert not told.estimate.fits
