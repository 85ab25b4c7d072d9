"""Batches and their people as the documents show them, whoever has made them."""

from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1 import batch_pb2, scheduled_call_pb2

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.encoding import to_object
from outdial_server.gateway.truedy import schedules, sources
from outdial_server.gateway.truedy.batch_shapes import (
    BatchCall,
    BatchCallAnalytics,
    BatchCallStats,
    BatchContact,
)
from outdial_server.gateway.truedy.outbound_numbers import FirstNumbers
from outdial_server.gateway.truedy.retries import retries_of
from outdial_server.gateway.truedy.statuses import batch_status, contact_status, rotation_word

NAMES: Final = ("first_name", "last_name", "email")
"""Of a person; all other values for placeholders are custom fields."""

_PHONE_NUMBER: Final = "phone_number"


async def batch_call(asks: Caller, batch: batch_pb2.Batch) -> BatchCall:
    return shown(batch, await FirstNumbers(asks).of(batch))


def shown(batch: batch_pb2.Batch, from_number: str | None) -> BatchCall:
    retries = retries_of(batch)
    counts = figures(batch)
    return BatchCall(
        id=batch.batch_id,
        name=batch.display_name,
        status=batch_status(batch.state),
        agent_id=batch.agent_id,
        phone_number_ids=list(batch.phone_numbers),
        phone_rotation_strategy=rotation_word(batch.rotation),
        from_number=from_number,
        contact_source=sources.source_of(batch),
        contact_folder_id=sources.folder_of(batch),
        schedule_type="scheduled" if batch.HasField("window_start") else "immediate",
        scheduled_at=time_of(batch, "window_start"),
        timezone=batch.time_zone,
        start_time=schedules.start_time(batch.calling_hours),
        end_time=schedules.end_time(batch.calling_hours),
        working_days=schedules.working_days(batch.calling_hours),
        max_concurrent_calls=batch.max_concurrent_calls or None,
        concurrency=batch.max_concurrent_calls or None,
        max_calls_per_day=batch.max_calls_per_day or None,
        retry_failed=retries.retry_failed,
        max_retry_attempts=retries.max_attempts,
        retry_attempts=retries.max_attempts,
        total_contacts=counts.total_contacts,
        called=counts.called,
        completed=counts.completed,
        failed=counts.failed,
        pending=counts.pending,
        stats=BatchCallStats(
            pending=batch.counts.waiting,
            calling=counts.calling,
            completed=counts.completed,
            failed=counts.failed,
        ),
        created_at=moment_of(batch.create_time),
        updated_at=moment_of(batch.update_time),
    )


def figures(batch: batch_pb2.Batch) -> BatchCallAnalytics:
    """By the arithmetic of the samples `called` is `completed` and `failed`, and `pending` the
    rest. Whoever will not be called any more counts as failed, so that nothing is pending in the
    end."""
    counts = batch.counts
    failed = counts.failed + counts.expired + counts.skipped + counts.cancelled
    called = counts.completed + failed
    return BatchCallAnalytics(
        id=batch.batch_id,
        status=batch_status(batch.state),
        total_contacts=counts.total,
        called=called,
        completed=counts.completed,
        failed=failed,
        cancelled=counts.cancelled,
        pending=counts.total - called,
        calling=counts.dialing + counts.in_progress,
        completion_rate=round(counts.completed / called, 4) if called else 0.0,
    )


def batch_contact(row: scheduled_call_pb2.ScheduledCall, *, is_draft: bool) -> BatchContact:
    values: dict[str, Any] = to_object(row.template_context)
    names = {name: _text(values.pop(name, None)) for name in NAMES}
    values.pop(_PHONE_NUMBER, None)
    return BatchContact(
        # Whoever came with the request is a contact of this batch call alone.
        contact_id=row.contact_id or row.scheduled_call_id,
        phone_number=row.address,
        **names,
        custom_fields=values,
        call_status=contact_status(row.state, is_draft=is_draft),
        call_id=row.call_id or None,
        called_at=time_of(row, "send_time"),
        scheduled_at=None if is_draft else time_of(row, "due_time"),
        attempts=row.attempt_count,
        last_error=_last_error(row),
    )


def _last_error(row: scheduled_call_pb2.ScheduledCall) -> str | None:
    """How the latest call went wrong, else why there is none."""
    if row.state == scheduled_call_pb2.SCHEDULED_CALL_STATE_COMPLETED:
        return None
    if row.disposition:
        name = scheduled_call_pb2.Disposition.Name(row.disposition)
        return name.removeprefix("DISPOSITION_").lower()
    return row.state_reason.lower() or None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def time_of(message: Any, field: str) -> datetime | None:
    return moment_of(getattr(message, field)) if message.HasField(field) else None


def moment_of(told: Timestamp) -> datetime:
    return told.ToDatetime(UTC)
