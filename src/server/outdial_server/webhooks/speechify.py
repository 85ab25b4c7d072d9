"""Conversations and batches as Speechify's webhooks tell them, and how those are signed."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.conversation import Conversation, Speaker
from outdial_server.domain.limits import RING_TIMEOUT_DEFAULT
from outdial_server.domain.told_call import ToldCall
from outdial_server.domain.webhook_message import Probe, WebhookMessage, tells_of_nothing
from outdial_server.webhooks.speechify_ids import speechify_id

_MILLISECOND: Final = timedelta(milliseconds=1)

_ROLES: Final = {Speaker.AGENT: "assistant", Speaker.PERSON: "user"}
_SAID_NOTHING: Final = Conversation()

_STATUSES: Final = {
    BatchState.DRAFT: "pending",
    BatchState.SCHEDULED: "pending",
    BatchState.RUNNING: "running",
    BatchState.PAUSED: "running",
    BatchState.COMPLETED: "completed",
    BatchState.CANCELLED: "cancelled",
    BatchState.FAILED: "failed",
}


def body(message: WebhookMessage, now: datetime) -> bytes:
    """Of `conversation.completed`, `batch_call.completed` and `batch_call.failed`. Speechify
    makes the timestamp when a request is sent."""
    about = message.about
    if isinstance(about, ToldCall):
        return _dump("conversation.completed", now, _conversation(about))
    if about is None:
        raise tells_of_nothing(message)
    event = "batch_call.failed" if _is_failed(about) else "batch_call.completed"
    return _dump(event, now, {"data": {"object": batch_call(about)}})


def probe_body(probe: Probe, now: datetime) -> bytes:
    return _dump("test", now, {"data": {"object": {"id": speechify_id("whe", probe.webhook_id)}}})


def signed_headers(at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """Under the newest secret alone: the header has room for one signature."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((seconds.encode(), body))
    digest = hmac.new(secrets[0].encode(), signed, sha256).hexdigest()
    return {"Speechify-Signature": f"t={seconds},v0={digest}"}


def batch_call(batch: Batch) -> dict[str, Any]:
    """A batch as `GET /v1/agents/batch-calls/{id}` shows it, without its recipients."""
    counts, settings = batch.counts, batch.settings
    numbers, ring = settings.phone_numbers, settings.ring_timeout
    shown: dict[str, Any] = {
        "id": speechify_id("batch", batch.batch_id),
        "agent_id": speechify_id("agent", batch.agent_id),
        "phone_number_id": speechify_id("phone", numbers[0]) if numbers else None,
        "name": settings.display_name,
        "status": _STATUSES[batch.state],
        "total": counts.total,
        "completed": counts.completed,
        "failed": counts.failed + counts.expired + counts.skipped,
        "created_at": _time(batch.created_at),
        "updated_at": _time(batch.updated_at),
        "started_at": _time(batch.started_at),
        "ended_at": _time(batch.ended_at),
        "scheduled_at": _time(settings.window_start),
        # To the second; what was asked for to the millisecond is told by GET.
        "ringing_timeout_ms": None if ring == RING_TIMEOUT_DEFAULT else ring // _MILLISECOND,
    }
    if _is_failed(batch):
        shown["error"] = batch.state_detail or batch.state_reason
    return shown


def _is_failed(batch: Batch) -> bool:
    return batch.state is BatchState.FAILED


def _conversation(told: ToldCall) -> dict[str, Any]:
    call = told.call
    said = call.conversation or _SAID_NOTHING
    duration = said.duration
    if duration is None and call.answered_at is not None and call.ended_at is not None:
        duration = call.ended_at - call.answered_at
    return {
        "conversation": {
            "id": speechify_id("conv", call.call_id),
            "agent_id": speechify_id("agent", call.agent_id),
            "status": "completed",
            "duration_ms": (duration or timedelta()) // _MILLISECOND,
            "started_at": _time(call.answered_at or call.sent_at),
            "ended_at": _time(call.ended_at),
            "recording_url": said.recording_url or None,
            "metadata": _metadata(told),
        },
        "messages": _messages(told, said),
        "evaluations": _evaluations(said),
    }


def _metadata(told: ToldCall) -> dict[str, str]:
    """That of the row, and what leads back to it: the payload has no other place for that."""
    call = told.call
    links = {
        "batch_id": speechify_id("batch", call.batch_id) if call.batch_id else "",
        "recipient_id": (
            speechify_id("recipient", call.scheduled_call_id) if call.scheduled_call_id else ""
        ),
        "custom_id": told.custom_id,
    }
    return {**told.metadata, **{name: text for name, text in links.items() if text}}


def _messages(told: ToldCall, said: Conversation) -> list[dict[str, Any]]:
    start = told.call.answered_at
    return [
        {
            "id": f"{speechify_id('msg', told.call.call_id)}_{place}",
            "role": _ROLES[one.speaker],
            "content": one.text,
            "started_at": (
                None if start is None or one.offset is None else _time(start + one.offset)
            ),
        }
        for place, one in enumerate(said.utterances)
    ]


def _evaluations(said: Conversation) -> list[dict[str, Any]]:
    criteria: list[dict[str, Any]] = [
        {
            "kind": "criterion",
            "id": one.evaluation_id,
            "name": one.name,
            "passed": one.passed,
            "rationale": one.rationale,
        }
        for one in said.evaluations
    ]
    collected: list[dict[str, Any]] = [
        {
            "kind": "data",
            "id": one.value_id,
            "name": one.name,
            "data": {"value": orjson.loads(one.value_json)},
        }
        for one in said.collected
    ]
    return criteria + collected


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _dump(event: str, now: datetime, rest: dict[str, Any]) -> bytes:
    milliseconds = int(now.timestamp() * 1000)
    return orjson.dumps({"event": event, "timestamp": milliseconds, **rest})
