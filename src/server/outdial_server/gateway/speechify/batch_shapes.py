"""Batches and their people as they show them."""

from typing import Any, Final

from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_server.domain.limits import RING_TIMEOUT_DEFAULT
from outdial_server.gateway.speechify.editions import Edition
from outdial_server.gateway.speechify.ids import shown_id
from outdial_server.gateway.speechify.moments import moment
from outdial_server.gateway.speechify.statuses import (
    batch_status,
    has_begun,
    recipient_error,
    recipient_status,
)
from outdial_server.gateway.speechify.variables import shown_variables

RINGING_TIMEOUT_NOTE: Final = "speechify.ringing_timeout_ms"
"""Of a batch's annotations: the milliseconds that were asked for."""


def shown_batch(batch: Batch, edition: Edition) -> dict[str, Any]:
    counts = batch.counts
    shown: dict[str, Any] = {
        "id": shown_id("batch", batch.batch_id),
        "agent_id": shown_id("agent", batch.agent_id),
        "phone_number_id": (
            shown_id("phone", batch.phone_numbers[0]) if batch.phone_numbers else None
        ),
        "name": batch.display_name,
        "status": batch_status(batch, is_first=edition.is_first),
        "total": counts.total,
        "completed": counts.completed,
        "failed": counts.failed + counts.expired + counts.skipped,
        "created_at": moment(batch, "create_time"),
        "updated_at": moment(batch, "update_time"),
        "started_at": moment(batch, "start_time") if has_begun(batch) else None,
        "scheduled_at": moment(batch, "window_start"),
        "ringing_timeout_ms": _ringing_timeout_ms(batch),
    }
    ended_at = moment(batch, "end_time")
    shown.update((name, ended_at) for name in edition.name("finished_at", "ended_at"))
    if batch.state == BatchState.BATCH_STATE_FAILED:
        shown["error"] = batch.state_detail or batch.state_reason
    return shown


def _ringing_timeout_ms(batch: Batch) -> int | None:
    """None for the default. Dials ring for whole seconds."""
    noted = batch.annotations.fields
    if RINGING_TIMEOUT_NOTE in noted:
        return int(noted[RINGING_TIMEOUT_NOTE].number_value)
    length = batch.ring_timeout.ToTimedelta()
    return None if length == RING_TIMEOUT_DEFAULT else int(length.total_seconds() * 1000)


def shown_recipient(row: ScheduledCall, edition: Edition) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": shown_id("recipient", row.scheduled_call_id),
        "batch_id": shown_id("batch", row.batch_id),
        "phone": row.address,
        "status": recipient_status(row, is_first=edition.is_first),
        "conversation_id": shown_id("conv", row.call_id),
        "attempted_at": moment(row, "send_time"),
    }
    variables = shown_variables(row.template_context)
    shown.update((name, variables) for name in edition.name("dynamic_vars", "dynamic_variables"))
    ended_at = moment(row, "end_time")
    shown.update((name, ended_at) for name in edition.name("completed_at", "ended_at"))
    if row.custom_id:
        shown["custom_id"] = row.custom_id
    error = recipient_error(row)
    if error:
        shown["error"] = error
    return shown
