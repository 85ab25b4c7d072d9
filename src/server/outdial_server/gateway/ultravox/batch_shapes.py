"""A batch, as it is made of a body and as it is shown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_DRAFT, BATCH_STATE_PAUSED, Batch
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import MEDIUM_OUTGOING, MEDIUM_WEBHOOK
from outdial.v1.throttle_pb2 import Throttle

from outdial_server.gateway.ultravox.answer import moment_or_none
from outdial_server.gateway.ultravox.batch_body import BatchBody, BatchFields
from outdial_server.gateway.ultravox.carriers import Way
from outdial_server.gateway.ultravox.models import Plain
from outdial_server.gateway.ultravox.paging import ListOf
from outdial_server.gateway.ultravox.scheduled_calls import CARRIER, Entries
from outdial_server.gateway.ultravox.structs import OURS, ours_of
from outdial_server.gateway.ultravox.templates import CallTemplate

THROTTLE: Final = "throttle"
"""What is kept of a batch: how its throttle was named."""

_HELD: Final = frozenset({BATCH_STATE_DRAFT, BATCH_STATE_PAUSED})


class ShownBatch(Plain):
    batch_id: str
    created: str
    window_start: str | None
    window_end: str | None
    throttle: str | None
    webhook_url: str | None
    webhook_secret: str | None
    paused: bool
    total_count: int
    completed_count: int
    ended_at: str | None


class BatchList(ListOf):
    results: list[ShownBatch]


def new_batch(
    agent: Agent,
    body: BatchBody[CreateBatchRequest],
    entries: Entries[CreateBatchRequest],
    way: Way,
    throttle: Throttle | None,
    template: CallTemplate,
) -> Batch:
    fields = body.fields
    batch = Batch(
        agent_id=agent.agent_id,
        # They have no names there.
        display_name=agent.display_name,
        throttle="" if throttle is None else throttle.throttle_id,
        webhook_url=fields.webhook_url or "",
        webhook_secret=fields.webhook_secret or "",
        carrier=way.carrier,
        carrier_config=way.carrier_config,
        medium=MEDIUM_OUTGOING if entries.carriers else MEDIUM_WEBHOOK,
        window_start=timestamp(fields.window_start),
        window_end=timestamp(fields.window_end),
    )
    if template.join_timeout is not None:
        batch.ring_timeout.FromTimedelta(template.join_timeout)
    if template.max_duration is not None:
        batch.max_call_duration.FromTimedelta(template.max_duration)
    kept = kept_throttle(fields, throttle)
    if entries.carriers:
        kept[CARRIER] = next(iter(entries.carriers))
    batch.annotations.update({OURS: kept})
    return batch


def timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    told = Timestamp()
    told.FromDatetime(at)
    return told


def kept_throttle(fields: BatchFields, throttle: Throttle | None) -> dict[str, Any]:
    """How it was named, which is what is given back as long as it is the same one."""
    if throttle is None:
        return {}
    return {THROTTLE: {"said": fields.throttle, "id": throttle.throttle_id}}


def batch_object(batch: Batch) -> dict[str, Any]:
    counts = batch.counts
    return {
        "batchId": batch.batch_id,
        "created": moment_or_none(batch, "create_time"),
        "windowStart": moment_or_none(batch, "window_start"),
        "windowEnd": moment_or_none(batch, "window_end"),
        "throttle": _throttle_of(batch),
        "webhookUrl": batch.webhook_url or None,
        "webhookSecret": batch.webhook_secret or None,
        "paused": batch.state in _HELD,
        # Of what was taken out again this API knows nothing.
        "totalCount": counts.total - counts.cancelled,
        "completedCount": counts.dispatch_accepted + counts.dispatch_refused + counts.skipped,
        "endedAt": moment_or_none(batch, "dispatch_end_time"),
    }


def _throttle_of(batch: Batch) -> str | None:
    kept: Mapping[str, Any] = ours_of(batch).get(THROTTLE, {})
    if kept and kept["id"] == batch.throttle:
        return str(kept["said"])
    return batch.throttle or None
