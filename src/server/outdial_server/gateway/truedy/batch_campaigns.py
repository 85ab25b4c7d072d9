"""Batch calls in their course: scheduled, paused, resumed, cancelled."""

from fastapi import FastAPI
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import batch_pb2, batch_service_pb2
from starlette.responses import Response

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.truedy import schedules
from outdial_server.gateway.truedy.batch_calls import ONE, batch_of
from outdial_server.gateway.truedy.batch_moves import check_status
from outdial_server.gateway.truedy.batch_reading import batch_call
from outdial_server.gateway.truedy.batch_shapes import (
    BatchCall,
    PausedBatchCall,
    ResumedBatchCall,
    ScheduleChange,
)
from outdial_server.gateway.truedy.envelopes import One, one
from outdial_server.gateway.truedy.outbound_numbers import agent_of, chosen
from outdial_server.gateway.truedy.routing import Asks, Routes


async def schedule_batch_call(
    batch_call_id: str, asks: Asks, asked: ScheduleChange | None = None
) -> Response:
    """Starts a draft. `scheduled_at` and `timezone` take the place of what it has; without them
    it begins when it was to begin, else now."""
    batch = await batch_of(asks, batch_call_id)
    check_status("schedule", batch)
    if not batch.phone_numbers:
        chosen(await agent_of(asks, batch.agent_id), [])
    # A fault behind this leaves a draft with another time, which dials nobody.
    await _change_schedule(asks, batch, asked or ScheduleChange())
    request = batch_service_pb2.StartBatchRequest(batch_id=batch.batch_id)
    started = await asks.ask(request, batch_service_pb2.StartBatchResponse)
    return one(await batch_call(asks, started.batch), 201)


async def _change_schedule(asks: Caller, batch: batch_pb2.Batch, asked: ScheduleChange) -> None:
    after, paths = batch_pb2.Batch(batch_id=batch.batch_id, etag=batch.etag), list[str]()
    zone = asked.timezone or batch.time_zone
    if asked.timezone is not None:
        after.time_zone = asked.timezone
        paths.append("time_zone")
    if asked.scheduled_at is not None:
        after.window_start.CopyFrom(schedules.moment(asked.scheduled_at, zone))
        paths.append("window_start")
    if paths:
        request = batch_service_pb2.UpdateBatchRequest(
            batch=after, update_mask=FieldMask(paths=paths)
        )
        await asks.ask(request, batch_service_pb2.UpdateBatchResponse)


async def pause_batch_call(batch_call_id: str, asks: Asks) -> Response:
    """Calls that were not placed are held; those that were come to their own end."""
    batch = await batch_of(asks, batch_call_id)
    check_status("pause", batch)
    request = batch_service_pb2.PauseBatchRequest(batch_id=batch.batch_id)
    paused = (await asks.ask(request, batch_service_pb2.PauseBatchResponse)).batch
    told = (await batch_call(asks, paused)).model_dump()
    return one(PausedBatchCall(**told, paused_at=told["updated_at"]), 201)


async def resume_batch_call(batch_call_id: str, asks: Asks) -> Response:
    """Goes on where it stopped."""
    batch = await batch_of(asks, batch_call_id)
    check_status("resume", batch)
    request = batch_service_pb2.ResumeBatchRequest(batch_id=batch.batch_id)
    resumed = (await asks.ask(request, batch_service_pb2.ResumeBatchResponse)).batch
    told = (await batch_call(asks, resumed)).model_dump()
    return one(ResumedBatchCall(**told, resumed_at=told["updated_at"]), 201)


async def cancel_batch_call(batch_call_id: str, asks: Asks) -> Response:
    """An extension of Outdial: ends a batch call for good."""
    batch = await batch_of(asks, batch_call_id)
    check_status("cancel", batch)
    request = batch_service_pb2.CancelBatchRequest(batch_id=batch.batch_id)
    cancelled = (await asks.ask(request, batch_service_pb2.CancelBatchResponse)).batch
    return one(await batch_call(asks, cancelled), 201)


def add_batch_campaigns(api: FastAPI) -> None:
    routes = Routes(api, "Batch calls")
    routes.post(f"{ONE}/schedule", schedule_batch_call, One[BatchCall])
    routes.post(f"{ONE}/pause", pause_batch_call, One[PausedBatchCall])
    routes.post(f"{ONE}/resume", resume_batch_call, One[ResumedBatchCall])
    routes.post(f"{ONE}/cancel", cancel_batch_call, One[BatchCall])
