"""Events as they are posted."""

from dataclasses import replace

import orjson

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import AccountId, BatchId, CallId, ScheduledCallId, WebhookId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.webhook import WebhookFields
from outdial_server.domain.webhook_message import Probe, WebhookMessage, wanted_messages
from outdial_server.webhooks.outdial import body, probe_body
from support.clock import START

ACCOUNT, BATCH = AccountId("a-1"), BatchId("0000-1")
ENDED = Event(
    41,
    START,
    EventType.CALL_ENDED,
    "CARRIER",
    ScheduledCallAfter(
        ScheduledCallId("s-1"),
        7,
        ScheduledCallState.COMPLETED,
        "",
        DispatchOutcome.ACCEPTED,
        CallId("c-1"),
        1,
        CallState.ENDED,
        Disposition.ANSWERED_HUMAN,
    ),
)
CREATED = Event(1, START, EventType.BATCH_CREATED, "USER_REQUEST", BatchAfter(3, "", "", 9))


def test_an_event_of_a_call() -> None:
    assert orjson.loads(body(WebhookMessage(ACCOUNT, BATCH, "evt", ENDED))) == {
        "type": "CALL_ENDED",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {
            "account_id": "a-1",
            "batch_id": "0000-1",
            "sequence": 41,
            "cause": "CARRIER",
            "scheduled_call": {
                "scheduled_call_id": "s-1",
                "position": 7,
                "state": "COMPLETED",
                "state_reason": "",
                "dispatch_outcome": "ACCEPTED",
                "call_id": "c-1",
                "attempt_number": 1,
                "call_state": "ENDED",
                "disposition": "ANSWERED_HUMAN",
                "due_time": None,
            },
        },
    }


def test_an_event_of_a_batch() -> None:
    told = orjson.loads(body(WebhookMessage(ACCOUNT, BATCH, "evt", CREATED)))
    assert told["data"]["batch"] == {
        "state": "RUNNING",
        "state_reason": "",
        "state_detail": "",
        "counts_total": 9,
        "previous_state": None,
    }
    paused = replace(CREATED, after=BatchAfter(4, "", "", 9, previous_state=3))
    told = orjson.loads(body(WebhookMessage(ACCOUNT, BATCH, "evt", paused)))["data"]["batch"]
    assert (told["previous_state"], told["state"]) == ("RUNNING", "PAUSED")


def test_a_probe_tells_whose_it_is_and_nothing_else() -> None:
    probe = Probe(ACCOUNT, WebhookId("w-1"), "test_1", START)
    assert orjson.loads(probe_body(probe)) == {
        "type": "TEST",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {"account_id": "a-1", "webhook_id": "w-1"},
    }


def test_of_a_direct_call_the_batch_behind_it_is_not_shown() -> None:
    wanted = wanted_messages(WebhookFields("u"), ACCOUNT, BATCH, [CREATED, ENDED], is_direct=True)
    assert [(one.batch_id, one.event) for one in wanted] == [(None, ENDED)]
