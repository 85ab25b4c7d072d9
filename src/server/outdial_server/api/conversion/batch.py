"""Batches."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, Literal

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import batch_pb2 as pb
from outdial.v1 import batch_service_pb2 as service_pb

from outdial_server.api.conversion.calling_hours import calling_hours, hours_to_message
from outdial_server.api.conversion.enums import (
    BATCH_STATE,
    CONFIG_ERROR_POLICY,
    DUPLICATE_POLICY,
    MEDIUM,
    PACING,
    RETRY_CALLER_ID,
    ROTATION,
    UNKNOWN_POLICY,
    WINDOW_CHECK,
    ZONE_RULE,
)
from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.request import filter_text
from outdial_server.api.conversion.retry_policy import retry_policy, retry_policy_to_message
from outdial_server.api.conversion.struct import json_text, plain_struct, struct, struct_of
from outdial_server.api.conversion.times import duration, moment, span, timestamp
from outdial_server.commands.new_batch import BatchSpec
from outdial_server.domain import limits
from outdial_server.domain.batch import COUNT_NAMES, Batch, BatchCounts
from outdial_server.domain.batch_policies import (
    ConfigErrorPolicy,
    DuplicatePolicy,
    RetryCallerId,
    UnknownPolicy,
)
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.batch_webhook import WebhookEdit
from outdial_server.domain.etag import etag_of
from outdial_server.domain.ids import AccountId
from outdial_server.domain.medium import Medium
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.plan import Duplicate
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.time_zones import UTC_ZONE, ZoneRule
from outdial_server.domain.window_estimate import WindowCheck

_WRITABLE: Final = (
    "display_name",
    "window_start",
    "window_end",
    "priority",
    "weight",
    "max_concurrent_calls",
    "caller_id",
    "phone_numbers",
    "rotation",
    "throttle",
    "carrier_config",
    "unknown_policy",
    "on_config_error",
    "ring_timeout",
    "max_call_duration",
    "retry_policy",
    "retry_caller_id",
    "metadata",
    "annotations",
    "carrier_params",
    "time_zone",
    "calling_hours",
    "max_calls_per_day",
    "pacing",
    "expected_call_duration",
    "window_check",
)

_ATTRIBUTES: Final = {name: name for name in _WRITABLE} | {"annotations": "annotations_json"}
"""What a client may write, and where it is in `BatchSettings`."""

_OF_WEBHOOK: Final = ("webhook_url", "webhook_secret")
"""And what of it is no setting before its secret is sealed."""

_counts = attrgetter(*COUNT_NAMES)


def counts_to_message(counts: BatchCounts) -> pb.BatchCounts:
    return pb.BatchCounts(**dict(zip(COUNT_NAMES, _counts(counts), strict=True)))


def batch_to_message(batch: Batch) -> pb.Batch:
    settings = batch.settings
    return pb.Batch(
        batch_id=batch.batch_id,
        account_id=batch.account_id,
        agent_id=batch.agent_id,
        display_name=settings.display_name,
        state=BATCH_STATE.to_message(batch.state),
        state_reason=batch.state_reason,
        state_detail=batch.state_detail,
        window_start=timestamp(settings.window_start),
        window_end=timestamp(settings.window_end),
        priority=settings.priority,
        weight=settings.weight,
        max_concurrent_calls=settings.max_concurrent_calls or 0,
        caller_id=settings.caller_id,
        phone_numbers=settings.phone_numbers,
        rotation=ROTATION.to_message(settings.rotation),
        throttle=settings.throttle,
        carrier_config=settings.carrier_config,
        carrier=batch.carrier,
        unknown_policy=UNKNOWN_POLICY.to_message(settings.unknown_policy),
        duplicates=DUPLICATE_POLICY.to_message(batch.duplicates),
        on_config_error=CONFIG_ERROR_POLICY.to_message(settings.on_config_error),
        ring_timeout=duration(settings.ring_timeout),
        max_call_duration=duration(settings.max_call_duration),
        retry_policy=retry_policy_to_message(settings.retry_policy),
        retry_caller_id=RETRY_CALLER_ID.to_message(settings.retry_caller_id),
        metadata=settings.metadata,
        annotations=struct(settings.annotations_json),
        carrier_params=struct_of(settings.carrier_params),
        counts=counts_to_message(batch.counts),
        create_time=timestamp(batch.created_at),
        update_time=timestamp(batch.updated_at),
        start_time=timestamp(batch.started_at),
        end_time=timestamp(batch.ended_at),
        dispatch_end_time=timestamp(batch.dispatch_ended_at),
        sequence=batch.sequence,
        etag=etag_of(batch.revision),
        time_zone=settings.time_zone,
        calling_hours=hours_to_message(settings.calling_hours),
        zone_rule=ZONE_RULE.to_message(batch.zone_rule),
        max_calls_per_day=settings.max_calls_per_day or 0,
        pacing=PACING.to_message(settings.pacing),
        expected_call_duration=(
            None
            if settings.expected_call_duration is None
            else duration(settings.expected_call_duration)
        ),
        window_check=WINDOW_CHECK.to_message(settings.window_check),
        schedule_warning=batch.schedule_warning,
        medium=MEDIUM.to_message(batch.medium),
        webhook_url="" if settings.webhook is None else settings.webhook.url,
    )


def skipped_to_message(skipped: Duplicate) -> service_pb.SkippedDuplicate:
    return service_pb.SkippedDuplicate(
        index=skipped.number,
        normalized_address=skipped.normalized_address,
        kept_position=skipped.kept_position,
    )


def batch_spec(
    account_id: AccountId, message: pb.Batch, *, draft: bool, path: str = "batch"
) -> BatchSpec:
    """`path` is where the batch is in the request, for the names of faults."""
    duplicates = DUPLICATE_POLICY.from_message(
        message.duplicates, f"{path}.duplicates", DuplicatePolicy.KEEP
    )
    return BatchSpec(
        account_id,
        canonical(message.agent_id),
        message.carrier,
        duplicates,
        batch_settings(message, path),
        draft,
        path,
        ZONE_RULE.from_message(message.zone_rule, f"{path}.zone_rule", ZoneRule.BATCH_ZONE),
        MEDIUM.from_message(message.medium, f"{path}.medium", Medium.OUTGOING),
        WebhookEdit(message.webhook_url or None, message.webhook_secret or None),
    )


def batch_settings(message: pb.Batch, path: str = "batch") -> BatchSettings:
    """What a client may write; unset means the default."""
    return BatchSettings(
        message.display_name,
        window_start=_moment(message, path, "window_start"),
        window_end=_moment(message, path, "window_end"),
        priority=message.priority,
        weight=message.weight or 1,
        max_concurrent_calls=message.max_concurrent_calls or None,
        caller_id=message.caller_id,
        phone_numbers=tuple(map(canonical, message.phone_numbers)),
        rotation=ROTATION.from_message(message.rotation, f"{path}.rotation", Rotation.RANDOM),
        throttle=filter_text(f"{path}.throttle", message.throttle),
        carrier_config=filter_text(f"{path}.carrier_config", message.carrier_config),
        unknown_policy=UNKNOWN_POLICY.from_message(
            message.unknown_policy, f"{path}.unknown_policy", UnknownPolicy.AT_MOST_ONCE
        ),
        on_config_error=CONFIG_ERROR_POLICY.from_message(
            message.on_config_error, f"{path}.on_config_error", ConfigErrorPolicy.PAUSE
        ),
        ring_timeout=_span(message, path, "ring_timeout", limits.RING_TIMEOUT_DEFAULT),
        max_call_duration=_span(message, path, "max_call_duration", limits.CALL_DURATION_DEFAULT),
        retry_policy=retry_policy(message.retry_policy, f"{path}.retry_policy")
        if message.HasField("retry_policy")
        else None,
        retry_caller_id=RETRY_CALLER_ID.from_message(
            message.retry_caller_id, f"{path}.retry_caller_id", RetryCallerId.KEEP
        ),
        metadata=dict(message.metadata),
        annotations_json=(
            json_text(message.annotations, f"{path}.annotations")
            if message.HasField("annotations")
            else ""
        ),
        carrier_params=plain_struct(message.carrier_params, f"{path}.carrier_params"),
        time_zone=message.time_zone or UTC_ZONE,
        max_calls_per_day=message.max_calls_per_day or None,
        expected_call_duration=(
            span(message.expected_call_duration, f"{path}.expected_call_duration")
            if message.HasField("expected_call_duration")
            else None
        ),
        window_check=WINDOW_CHECK.from_message(
            message.window_check, f"{path}.window_check", WindowCheck.REFUSE
        ),
        pacing=PACING.from_message(message.pacing, f"{path}.pacing", Pacing.AS_FAST_AS_POSSIBLE),
        calling_hours=(
            calling_hours(message.calling_hours, f"{path}.calling_hours")
            if message.HasField("calling_hours")
            else None
        ),
    )


def batch_change(message: pb.Batch, mask: FieldMask) -> Callable[[BatchSettings], BatchSettings]:
    """Writes what the mask names over the present settings. A field that is named but
    not set goes back to its default."""
    named = masked_fields(mask, message, (*_WRITABLE, *_OF_WEBHOOK)) - {*_OF_WEBHOOK}
    settings = batch_settings(message)
    written = {_ATTRIBUTES[name]: getattr(settings, _ATTRIBUTES[name]) for name in named}
    return lambda present: replace(present, **written)


def webhook_edit(message: pb.Batch, mask: FieldMask) -> WebhookEdit:
    """As `batch_change`. A secret that is named but not set stays as it is: it is not read
    back, so that whoever writes all fields does not have it."""
    named = masked_fields(mask, message, (*_WRITABLE, *_OF_WEBHOOK))
    return WebhookEdit(
        message.webhook_url if "webhook_url" in named else None,
        message.webhook_secret or None if "webhook_secret" in named else None,
    )


def _moment(
    message: pb.Batch, path: str, name: Literal["window_start", "window_end"]
) -> datetime | None:
    return moment(getattr(message, name), f"{path}.{name}") if message.HasField(name) else None


def _span(
    message: pb.Batch,
    path: str,
    name: Literal["ring_timeout", "max_call_duration"],
    default: timedelta,
) -> timedelta:
    return span(getattr(message, name), f"{path}.{name}") if message.HasField(name) else default
