"""What is asked of a batch call, as the core takes it."""

from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import batch_pb2, batch_service_pb2, scheduled_call_pb2

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.truedy import retries, schedules, sources
from outdial_server.gateway.truedy.batch_reading import NAMES
from outdial_server.gateway.truedy.batch_shapes import (
    BatchCallChange,
    NewBatchCallSettings,
    NewBatchContact,
)
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.retries import Retries, retries_of
from outdial_server.gateway.truedy.statuses import ROTATIONS

FIXED: Final = ("agent_id", "contact_source", "contact_folder_id", "timezone", "schedule_type")
"""What a batch call keeps from its making on."""


def new_batch(
    asked: NewBatchCallSettings, phone_numbers: Iterable[str], carrier: str
) -> batch_pb2.Batch:
    """Raises InvalidFieldsError."""
    wanted = Retries(asked.retry_failed, asked.max_retry_attempts)
    batch = batch_pb2.Batch(
        agent_id=core_id(asked.agent_id),
        display_name=asked.name,
        carrier=carrier,
        phone_numbers=phone_numbers,
        rotation=ROTATIONS[asked.phone_rotation_strategy],
        time_zone=asked.timezone,
        calling_hours=schedules.hours(asked.start_time, asked.end_time, asked.working_days),
        pacing=batch_pb2.PACING_SPREAD_OVER_DAYS,
        max_concurrent_calls=asked.max_concurrent_calls,
        max_calls_per_day=asked.max_calls_per_day or 0,
        retry_policy=retries.policy(wanted),
        retry_caller_id=batch_pb2.RETRY_CALLER_ID_CHOOSE_AGAIN,
        duplicates=batch_pb2.DUPLICATE_POLICY_SKIP,
        on_config_error=batch_pb2.CONFIG_ERROR_POLICY_FAIL,
    )
    if asked.schedule_type == "scheduled":
        if asked.scheduled_at is None:
            raise invalid_field("scheduled_at", "is required for schedule_type 'scheduled'")
        batch.window_start.CopyFrom(schedules.moment(asked.scheduled_at, asked.timezone))
    sources.note(batch.annotations, asked.contact_source, asked.contact_folder_id)
    retries.note(batch.annotations, wanted)
    return batch


def new_row(contact: NewBatchContact) -> scheduled_call_pb2.ScheduledCall:
    """Raises ValueError and OverflowError for what no message can hold."""
    row = scheduled_call_pb2.ScheduledCall(address=contact.phone_number)
    values = dict(contact.custom_fields or {})
    names = ((name, getattr(contact, name)) for name in NAMES)
    values |= {name: value for name, value in names if value is not None}
    values["phone_number"] = contact.phone_number
    row.template_context.update(values)
    return row


def change_of(
    batch: batch_pb2.Batch, asked: BatchCallChange, phone_numbers: Sequence[str]
) -> batch_service_pb2.UpdateBatchRequest:
    """Of what was said alone, and of nobody's later change. `phone_numbers` are ids. Raises
    InvalidFieldsError."""
    after = batch_pb2.Batch(batch_id=batch.batch_id, etag=batch.etag)
    said, paths = asked.model_fields_set, list[str]()
    if "name" in said:
        after.display_name = asked.name
        paths.append("display_name")
    if "phone_number_ids" in said:
        after.phone_numbers.extend(phone_numbers)
        paths.append("phone_numbers")
    if "phone_rotation_strategy" in said:
        after.rotation = ROTATIONS[asked.phone_rotation_strategy]
        paths.append("rotation")
    if "max_concurrent_calls" in said:
        after.max_concurrent_calls = asked.max_concurrent_calls
        paths.append("max_concurrent_calls")
    paths += _change_schedule(after, batch, asked)
    paths += _change_retries(after, batch, asked)
    return batch_service_pb2.UpdateBatchRequest(batch=after, update_mask=FieldMask(paths=paths))


def _change_schedule(
    after: batch_pb2.Batch, before: batch_pb2.Batch, asked: BatchCallChange
) -> list[str]:
    said, paths, hours = asked.model_fields_set, list[str](), before.calling_hours
    if "scheduled_at" in said:
        if asked.scheduled_at is not None:
            after.window_start.CopyFrom(schedules.moment(asked.scheduled_at, before.time_zone))
        paths.append("window_start")
    if said & {"start_time", "end_time", "working_days"}:
        told = schedules.hours(
            asked.start_time if "start_time" in said else schedules.start_time(hours),
            asked.end_time if "end_time" in said else schedules.end_time(hours),
            asked.working_days if "working_days" in said else schedules.working_days(hours),
        )
        after.calling_hours.CopyFrom(told)
        paths.append("calling_hours")
    if "max_calls_per_day" in said:
        after.max_calls_per_day = asked.max_calls_per_day or 0
        paths.append("max_calls_per_day")
    return paths


def _change_retries(
    after: batch_pb2.Batch, before: batch_pb2.Batch, asked: BatchCallChange
) -> list[str]:
    said, was = asked.model_fields_set, retries_of(before)
    if not said & {"retry_failed", "max_retry_attempts"}:
        return []
    wanted = Retries(
        asked.retry_failed if "retry_failed" in said else was.retry_failed,
        asked.max_retry_attempts if "max_retry_attempts" in said else was.max_attempts,
    )
    policy = retries.policy(wanted)
    if policy is not None:
        after.retry_policy.CopyFrom(policy)
    after.annotations.CopyFrom(before.annotations)
    retries.note(after.annotations, wanted)
    return ["retry_policy", "annotations"]
