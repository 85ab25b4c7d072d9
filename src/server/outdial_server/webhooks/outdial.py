"""Our own form of an event, in the words of `outdial.v1`. A form that somebody else documents
is another function of a message."""

from typing import Any

import orjson

from outdial_server.domain.batch import BatchState
from outdial_server.domain.event import BatchAfter, ScheduledCallAfter
from outdial_server.domain.webhook_message import Probe, WebhookMessage


def probe_body(probe: Probe) -> bytes:
    data = {"account_id": probe.account_id, "webhook_id": probe.webhook_id}
    return orjson.dumps(
        {"type": "TEST", "timestamp": probe.at, "data": data}, option=orjson.OPT_UTC_Z
    )


def body(message: WebhookMessage) -> bytes:
    event = message.event
    after = event.after
    data: dict[str, Any] = {
        "account_id": message.account_id,
        "batch_id": message.batch_id,
        "sequence": event.sequence,
        "cause": event.cause,
    }
    if isinstance(after, BatchAfter):
        data["batch"] = _batch(after)
    else:
        data["scheduled_call"] = _scheduled_call(after)
    return orjson.dumps(
        {"type": event.type.name, "timestamp": event.at, "data": data},
        option=orjson.OPT_UTC_Z,
    )


def _batch(after: BatchAfter) -> dict[str, Any]:
    return {
        "state": BatchState(after.state).name,
        "state_reason": after.state_reason,
        "state_detail": after.state_detail,
        "counts_total": after.total,
        "previous_state": None
        if after.previous_state is None
        else BatchState(after.previous_state).name,
    }


def _scheduled_call(after: ScheduledCallAfter) -> dict[str, Any]:
    return {
        "scheduled_call_id": after.scheduled_call_id,
        "position": after.position,
        "state": after.state.name,
        "state_reason": after.state_reason,
        "dispatch_outcome": after.dispatch_outcome.name,
        "call_id": after.call_id,
        "attempt_number": after.attempt_number,
        "call_state": None if after.call_state is None else after.call_state.name,
        "disposition": None if after.disposition is None else after.disposition.name,
        "due_time": after.due_at,
    }
