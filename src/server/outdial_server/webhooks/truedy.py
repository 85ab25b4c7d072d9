"""Calls and batches as Truedy's webhooks tell them, and how those are signed."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.call import Call
from outdial_server.domain.event import BatchAfter, EventType
from outdial_server.domain.told_call import CallMoment, ToldCall, moment_of
from outdial_server.domain.webhook_message import Probe, WebhookMessage, tells_of_nothing
from outdial_server.webhooks.ultravox import EVENTS, call_object

_STATUSES: Final = {
    BatchState.DRAFT: "draft",
    BatchState.SCHEDULED: "scheduled",
    BatchState.RUNNING: "active",
    BatchState.PAUSED: "paused",
    BatchState.COMPLETED: "completed",
    BatchState.CANCELLED: "cancelled",
    BatchState.FAILED: "failed",
}


def body(message: WebhookMessage) -> bytes:
    """Of `call.started`, `call.joined`, `call.ended`, `call.failed`, `batch.status.changed` and
    `batch.completed`."""
    about, after = message.about, message.event.after
    if isinstance(about, ToldCall):
        event, data = _call(message, about)
    elif about is not None and isinstance(after, BatchAfter):
        event, data = _batch(message, about, after)
    else:
        raise tells_of_nothing(message)
    return _dump(event, message.event.at, message.message_id, data)


def probe_body(probe: Probe) -> bytes:
    return _dump("test", probe.at, probe.message_id, {"webhook_id": probe.webhook_id})


def signed_headers(at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """Under the newest secret alone: the header has room for one signature."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((seconds.encode(), body))
    return {
        "X-Truedy-Timestamp": seconds,
        "X-Truedy-Signature": hmac.new(secrets[0].encode(), signed, sha256).hexdigest(),
    }


def _call(message: WebhookMessage, about: ToldCall) -> tuple[str, dict[str, Any]]:
    """The data is that of their voice provider, with the ids beside it where others look."""
    moment = moment_of(message.event.type)
    told = about.at(moment)
    name = EVENTS[moment]
    if moment is CallMoment.ENDED and not _was_placed(told.call):
        name = "call.failed"
    data = {
        "batch_id": message.batch_id,
        "call_id": told.call.call_id,
        "call": call_object(told),
    }
    return name, data


def _was_placed(call: Call) -> bool:
    times = (call.accepted_at, call.ringing_at, call.answered_at)
    return any(at is not None for at in times)


def _batch(message: WebhookMessage, batch: Batch, after: BatchAfter) -> tuple[str, dict[str, Any]]:
    """The status is that of the event, the counts are those of now."""
    is_end = message.event.type is EventType.BATCH_ENDED
    return "batch.completed" if is_end else "batch.status.changed", {
        "batch_id": batch.batch_id,
        "batch_call_id": batch.batch_id,
        "status": _STATUSES[BatchState(after.state)],
        "previous_status": _previous_status(after),
        **_counts(batch),
    }


def _previous_status(after: BatchAfter) -> str | None:
    """None for an event that left the state as it was, as one does that ends a batch which was
    cancelled before."""
    before = after.previous_state
    return None if before is None else _STATUSES[BatchState(before)]


def _counts(batch: Batch) -> dict[str, int]:
    counts = batch.counts
    return {
        "total_contacts": counts.total,
        "completed": counts.completed,
        "failed": counts.failed + counts.expired + counts.cancelled + counts.skipped,
        "pending": counts.unfinished,
    }


def _dump(event: str, at: datetime, message_id: str, data: Mapping[str, Any]) -> bytes:
    timestamp = at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return orjson.dumps({"event": event, "timestamp": timestamp, "id": message_id, "data": data})
