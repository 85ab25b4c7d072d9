"""Calls and batches as Truedy's webhooks tell them."""

import hmac
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import pytest

from outdial_server.domain.batch import Batch, BatchCounts, BatchState
from outdial_server.domain.call import Call, Disposition
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import AccountId, WebhookId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.told_call import ToldCall
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.webhooks.truedy import body, probe_body, signed_headers
from outdial_server.webhooks.ultravox import call_object
from support.domain import a_batch
from support.told import BATCH, CALL, DAY, ROW, TOLD

NOT_PLACED = replace(
    CALL,
    disposition=Disposition.FAILED,
    accepted_at=None,
    ringing_at=None,
    answered_at=None,
)


def told(event_type: EventType, about: ToldCall | Batch, state: int = 3) -> dict[str, Any]:
    after: BatchAfter | ScheduledCallAfter = BatchAfter(
        state, "", "", 9, None if state == BatchState.DRAFT else int(BatchState.DRAFT)
    )
    if isinstance(about, ToldCall):
        after = ScheduledCallAfter(
            ROW,
            7,
            ScheduledCallState.COMPLETED,
            "",
            DispatchOutcome.ACCEPTED,
            about.call.call_id,
            1,
            about.call.state,
            about.call.disposition,
        )
    event = Event(41, DAY, event_type, "CARRIER", after)
    message = WebhookMessage(AccountId("a"), BATCH, "evt_1", event, about)
    told: dict[str, Any] = orjson.loads(body(message))
    return told


@pytest.mark.parametrize(
    ("event_type", "call", "name"),
    [
        (EventType.CALL_SENDING, CALL, "call.started"),
        (EventType.CALL_IN_PROGRESS, CALL, "call.joined"),
        (EventType.CALL_ENDED, CALL, "call.ended"),
        (EventType.CALL_PRESUMED_ENDED, CALL, "call.ended"),
        (EventType.CALL_ENDED, NOT_PLACED, "call.failed"),
        # It is not known yet that it will fail.
        (EventType.CALL_SENDING, NOT_PLACED, "call.started"),
    ],
)
def test_a_call_is_told_with_its_ids_where_receivers_look(
    event_type: EventType, call: Call, name: str
) -> None:
    given = replace(TOLD, call=call)
    sent = told(event_type, given)
    assert list(sent) == ["event", "timestamp", "id", "data"]
    assert (sent["event"], sent["timestamp"], sent["id"]) == (
        name,
        "2026-12-01T14:00:00.000Z",
        "evt_1",
    )
    data = sent["data"]
    assert (data["batch_id"], data["call_id"]) == (BATCH, CALL.call_id)
    assert data["call"]["callId"] == CALL.call_id
    if name in ("call.ended", "call.failed"):
        assert data["call"] == call_object(given)
    else:
        assert data["call"]["ended"] is None


@pytest.mark.parametrize(
    ("event_type", "state", "name", "status"),
    [
        (EventType.BATCH_STATE_CHANGED, BatchState.SCHEDULED, "batch.status.changed", "scheduled"),
        (EventType.BATCH_STATE_CHANGED, BatchState.RUNNING, "batch.status.changed", "active"),
        (EventType.BATCH_STATE_CHANGED, BatchState.PAUSED, "batch.status.changed", "paused"),
        (EventType.BATCH_STATE_CHANGED, BatchState.CANCELLED, "batch.status.changed", "cancelled"),
        (EventType.BATCH_ENDED, BatchState.COMPLETED, "batch.completed", "completed"),
    ],
)
def test_a_batch_is_told_with_the_status_of_the_event(
    event_type: EventType, state: BatchState, name: str, status: str
) -> None:
    counts = BatchCounts(
        total=10, waiting=1, in_progress=1, completed=4, failed=1, expired=1, skipped=1, cancelled=1
    )
    sent = told(event_type, replace(a_batch(), batch_id=BATCH, counts=counts), state)
    assert sent["event"] == name
    assert sent["data"] == {
        "batch_id": BATCH,
        "batch_call_id": BATCH,
        "status": status,
        "previous_status": None if state is BatchState.DRAFT else "draft",
        "total_contacts": 10,
        "completed": 4,
        "failed": 4,
        "pending": 2,
    }


def test_the_signature_is_of_the_bytes_that_are_sent() -> None:
    sent = signed_headers(DAY, b'{"event":"x"}', ["whsec_newest", "whsec_older"])
    seconds = str(int(DAY.timestamp()))
    signed = seconds.encode() + b'.{"event":"x"}'
    assert sent == {
        "X-Truedy-Timestamp": seconds,
        "X-Truedy-Signature": hmac.new(b"whsec_newest", signed, sha256).hexdigest(),
    }


def test_a_probe_is_no_event_that_they_have() -> None:
    probe = Probe(AccountId("a"), WebhookId("w-1"), "test_1", DAY)
    assert orjson.loads(probe_body(probe)) == {
        "event": "test",
        "timestamp": "2026-12-01T14:00:00.000Z",
        "id": "test_1",
        "data": {"webhook_id": "w-1"},
    }
