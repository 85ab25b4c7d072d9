"""Calling hours over gRPC, on a whole server."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch
from outdial.v1.batch_service_pb2 import WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.calling_hours_pb2 import (
    TIME_ZONE_SOURCE_BATCH,
    TIME_ZONE_SOURCE_GIVEN,
    TIME_ZONE_SOURCE_NUMBER,
    ZONE_RULE_BATCH_ZONE,
    ZONE_RULE_RECIPIENT_ZONE,
    CallingHours,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.window_pb2 import WINDOW_CHECK_WARN
from tests.integration.conftest import OPERATOR_KEY

from support.grpc import call, refused, with_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = with_key(OPERATOR_KEY)
_numbers = count(1)

ALL_DAY = CallingHours(start="00:00", end="24:00")


def closed_now() -> CallingHours:
    """On one day that is neither yesterday, today nor tomorrow anywhere."""
    # The clock is that of the server, which is the machine's.
    day = (datetime.now(UTC) + timedelta(days=3)).isoweekday()
    return CallingHours(days=[day], start="09:00", end="17:00")  # type: ignore[list-item]


async def new_batch(
    channel: grpc.aio.Channel, *rows: ScheduledCall, draft: bool = False, **fields: Any
) -> Batch:
    name = f"Ada {next(_numbers)}"
    agent = await call(channel, "CreateAgent", KEY, agent=Agent(display_name=name))
    made = await call(
        channel,
        "CreateBatch",
        KEY,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="Reminders", **fields),
        scheduled_calls=rows or [ScheduledCall(address="+436641234567")],
        draft=draft,
    )
    batch: Batch = made.batch
    return batch


async def ended(channel: grpc.aio.Channel, batch_id: str) -> Batch:
    request = WatchBatchRequest(batch_id=batch_id)
    async for _ in BatchServiceStub(channel).WatchBatch(request, metadata=KEY):
        pass
    answer = await call(channel, "GetBatch", KEY, batch_id=batch_id)
    batch: Batch = answer.batch
    return batch


async def test_hours_are_kept_and_changed(grpc_channel: grpc.aio.Channel) -> None:
    hours = CallingHours(days=[7, 1], start="22:00", end="24:00")  # type: ignore[list-item]
    batch = await new_batch(
        grpc_channel, draft=True, time_zone="Europe/Vienna", calling_hours=hours
    )
    assert (batch.time_zone, batch.zone_rule) == ("Europe/Vienna", ZONE_RULE_BATCH_ZONE)
    assert batch.calling_hours == CallingHours(
        days=[1, 7],  # type: ignore[list-item]
        start="22:00",
        end="24:00",
    )
    changed = await call(
        grpc_channel,
        "UpdateBatch",
        KEY,
        batch=Batch(batch_id=batch.batch_id),
        update_mask=FieldMask(paths=["calling_hours", "time_zone"]),
    )
    assert not changed.batch.HasField("calling_hours")
    assert changed.batch.time_zone == "UTC"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"time_zone": "Vienna"}, "batch.time_zone"),
        ({"time_zone": "Factory"}, "batch.time_zone"),
        ({"calling_hours": CallingHours(start="9:00", end="17:00")}, "batch.calling_hours.start"),
        ({"calling_hours": CallingHours(start="24:00", end="17:00")}, "batch.calling_hours.start"),
        ({"calling_hours": CallingHours(start="09:00")}, "batch.calling_hours.end"),
        ({"calling_hours": CallingHours(start="09:00", end="09:00")}, "batch.calling_hours.end"),
        (
            {"calling_hours": CallingHours(days=[1, 1], start="09:00", end="17:00")},  # type: ignore[list-item]
            "batch.calling_hours.days[1]",
        ),
        (
            {"calling_hours": CallingHours(days=[8], start="09:00", end="17:00")},  # type: ignore[list-item]
            "batch.calling_hours.days[0]",
        ),
        ({"zone_rule": 9}, "batch.zone_rule"),
        ({"pacing": 9}, "batch.pacing"),
        ({"max_calls_per_day": -1}, "batch.max_calls_per_day"),
        ({"max_calls_per_day": 1_000_001}, "batch.max_calls_per_day"),
    ],
)
async def test_what_is_no_schedule_is_refused_with_its_field(
    grpc_channel: grpc.aio.Channel, fields: dict[str, Any], field: str
) -> None:
    refusal = await refused(
        grpc_channel,
        "CreateBatch",
        KEY,
        batch=Batch(agent_id="a", display_name="Reminders", **fields),
        draft=True,
    )
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in refusal.fields


async def test_the_zone_rule_stays_as_it_was_made(grpc_channel: grpc.aio.Channel) -> None:
    batch = await new_batch(grpc_channel, draft=True)
    refusal = await refused(
        grpc_channel,
        "UpdateBatch",
        KEY,
        batch=Batch(batch_id=batch.batch_id, zone_rule=ZONE_RULE_RECIPIENT_ZONE),
        update_mask=FieldMask(paths=["zone_rule"]),
    )
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_it_shows_whose_zone_counts_and_why(grpc_channel: grpc.aio.Channel) -> None:
    batch = await new_batch(
        grpc_channel,
        ScheduledCall(address="+436641234567", time_zone="Asia/Tokyo"),
        ScheduledCall(address="+12125550123"),
        ScheduledCall(address="+61412345678"),
        ScheduledCall(address="sip:ada@example.net"),
        draft=True,
        time_zone="Europe/Vienna",
        zone_rule=ZONE_RULE_RECIPIENT_ZONE,
    )
    page = await call(grpc_channel, "ListScheduledCalls", KEY, batch_id=batch.batch_id)
    shown = [(r.effective_time_zone, r.time_zone_source) for r in page.scheduled_calls]
    assert shown == [
        ("Asia/Tokyo", TIME_ZONE_SOURCE_GIVEN),
        ("America/New_York", TIME_ZONE_SOURCE_NUMBER),
        ("Europe/Vienna", TIME_ZONE_SOURCE_BATCH),
        ("Europe/Vienna", TIME_ZONE_SOURCE_BATCH),
    ]


@pytest.mark.parametrize("zone", ["", "Asia/Tokyo"])
async def test_a_closed_batch_dials_once_its_hours_are_opened(
    grpc_channel: grpc.aio.Channel, zone: str
) -> None:
    """By the batch's zone, and by a person's own."""
    row = ScheduledCall(address="+436641234567", time_zone=zone)
    batch = await new_batch(grpc_channel, row, calling_hours=closed_now())
    waiting = await call(grpc_channel, "GetBatch", KEY, batch_id=batch.batch_id)
    assert waiting.batch.counts.waiting == 1
    await call(
        grpc_channel,
        "UpdateBatch",
        KEY,
        batch=Batch(batch_id=batch.batch_id, calling_hours=ALL_DAY),
        update_mask=FieldMask(paths=["calling_hours"]),
    )
    over = await ended(grpc_channel, batch.batch_id)
    assert over.state == BATCH_STATE_COMPLETED
    assert over.counts.expired == 0


async def test_hours_that_never_open_are_taken_with_a_warning(
    grpc_channel: grpc.aio.Channel,
) -> None:
    end = Timestamp()
    end.FromDatetime(datetime.now(UTC) + timedelta(hours=12))
    batch = await new_batch(
        grpc_channel,
        calling_hours=closed_now(),
        window_end=end,
        window_check=WINDOW_CHECK_WARN,
    )
    assert batch.schedule_warning == "HOURS_NEVER_OPEN"
    open_all_day = await new_batch(grpc_channel, calling_hours=ALL_DAY, window_end=end)
    assert open_all_day.schedule_warning == ""


async def test_a_day_takes_only_so_many_calls(grpc_channel: grpc.aio.Channel) -> None:
    rows = [ScheduledCall(address=f"+43664123456{n}") for n in range(3)]
    batch = await new_batch(grpc_channel, *rows, max_calls_per_day=1)
    assert batch.max_calls_per_day == 1
    events = BatchServiceStub(grpc_channel).WatchBatch(
        WatchBatchRequest(batch_id=batch.batch_id), metadata=KEY
    )
    async for message in events:
        if message.counts.completed + message.counts.failed:
            break
    held = await call(grpc_channel, "GetBatch", KEY, batch_id=batch.batch_id)
    assert held.batch.counts.waiting == 2
    await call(
        grpc_channel,
        "UpdateBatch",
        KEY,
        batch=Batch(batch_id=batch.batch_id),
        update_mask=FieldMask(paths=["max_calls_per_day"]),
    )
    over = await ended(grpc_channel, batch.batch_id)
    assert over.counts.waiting == 0
