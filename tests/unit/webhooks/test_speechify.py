"""Conversations and batches as Speechify's webhooks tell them."""

import hmac
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch import Batch, BatchCounts, BatchState
from outdial_server.domain.call import Disposition
from outdial_server.domain.conversation import (
    CollectedValue,
    Conversation,
    Evaluation,
    Speaker,
    Utterance,
)
from outdial_server.domain.event import BatchAfter, Event, EventType
from outdial_server.domain.ids import AccountId, WebhookId
from outdial_server.domain.told_call import ToldCall
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.webhooks.speechify import body, probe_body, signed_headers
from outdial_server.webhooks.speechify_ids import speechify_id, uuid_from
from support.domain import a_batch
from support.told import AGENT, BATCH, CALL, DAY, ROW, TOLD, after

SAID = Conversation(
    recording_url="https://recordings.example.com/1",
    utterances=(
        Utterance(Speaker.AGENT, "Hello Ada", timedelta(0)),
        Utterance(Speaker.PERSON, "Hello", timedelta(seconds=2.5)),
        Utterance(Speaker.PERSON, "again"),
    ),
    evaluations=(Evaluation("e-1", "polite", passed=True, rationale="said hello"),),
    collected=(CollectedValue("c-1", "day", '"Monday"'), CollectedValue("c-2", "hour", "9")),
)
ENDED = Event(41, after(92), EventType.BATCH_ENDED, "CARRIER", BatchAfter(5, "", "", 9))
NOW = after(100.0409)
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def told(about: ToldCall | Batch) -> dict[str, Any]:
    message = WebhookMessage(AccountId("a"), BATCH, "evt_1", ENDED, about)
    told: dict[str, Any] = orjson.loads(body(message, NOW))
    return told


def test_a_conversation_is_told_as_documented() -> None:
    call = replace(CALL, conversation=SAID)
    given = replace(TOLD, call=call, custom_id="ada")
    conversation_id = speechify_id("conv", CALL.call_id)
    message_id = speechify_id("msg", CALL.call_id)
    assert told(given) == {
        "event": "conversation.completed",
        "timestamp": 1796133700040,
        "conversation": {
            "id": conversation_id,
            "agent_id": speechify_id("agent", AGENT),
            "status": "completed",
            "duration_ms": 72865,
            "started_at": "2026-12-01T14:00:19.004Z",
            "ended_at": "2026-12-01T14:01:31.870Z",
            "recording_url": "https://recordings.example.com/1",
            "metadata": {
                "crmId": "c-1",
                "batch_id": speechify_id("batch", BATCH),
                "recipient_id": speechify_id("recipient", ROW),
                "custom_id": "ada",
            },
        },
        "messages": [
            {
                "id": f"{message_id}_0",
                "role": "assistant",
                "content": "Hello Ada",
                "started_at": "2026-12-01T14:00:19.004Z",
            },
            {
                "id": f"{message_id}_1",
                "role": "user",
                "content": "Hello",
                "started_at": "2026-12-01T14:00:21.504Z",
            },
            {"id": f"{message_id}_2", "role": "user", "content": "again", "started_at": None},
        ],
        "evaluations": [
            {
                "kind": "criterion",
                "id": "e-1",
                "name": "polite",
                "passed": True,
                "rationale": "said hello",
            },
            {"kind": "data", "id": "c-1", "name": "day", "data": {"value": "Monday"}},
            {"kind": "data", "id": "c-2", "name": "hour", "data": {"value": 9}},
        ],
    }


def test_a_call_that_nobody_answered_is_a_conversation_of_nothing() -> None:
    call = replace(
        CALL,
        batch_id=None,
        scheduled_call_id=None,
        disposition=Disposition.NO_ANSWER,
        answered_at=None,
    )
    conversation = told(replace(TOLD, call=call))
    assert conversation["conversation"]["duration_ms"] == 0
    assert conversation["conversation"]["started_at"] == "2026-12-01T14:00:04.000Z"
    assert conversation["conversation"]["recording_url"] is None
    assert conversation["conversation"]["metadata"] == {"crmId": "c-1"}
    assert (conversation["messages"], conversation["evaluations"]) == ([], [])


@pytest.mark.parametrize(
    ("state", "event", "error"),
    [
        (BatchState.COMPLETED, "batch_call.completed", None),
        (BatchState.FAILED, "batch_call.failed", "TWILIO_20003"),
    ],
)
def test_a_batch_is_told_without_its_recipients(
    state: BatchState, event: str, error: str | None
) -> None:
    counts = BatchCounts(total=10, completed=4, failed=3, expired=1, skipped=1, cancelled=1)
    batch = replace(
        a_batch(phone_numbers=(ROW,), ring_timeout=timedelta(seconds=20)),
        batch_id=BATCH,
        agent_id=AGENT,
        state=state,
        state_detail=error or "",
        counts=counts,
        created_at=DAY,
        updated_at=after(1),
        started_at=after(2),
        ended_at=after(3),
    )
    shown = {
        "id": speechify_id("batch", BATCH),
        "agent_id": speechify_id("agent", AGENT),
        "phone_number_id": speechify_id("phone", ROW),
        "name": batch.settings.display_name,
        "status": state.name.lower(),
        "total": 10,
        "completed": 4,
        "failed": 5,
        "created_at": "2026-12-01T14:00:00.000Z",
        "updated_at": "2026-12-01T14:00:01.000Z",
        "started_at": "2026-12-01T14:00:02.000Z",
        "ended_at": "2026-12-01T14:00:03.000Z",
        "scheduled_at": None,
        "ringing_timeout_ms": 20_000,
    }
    if error is not None:
        shown["error"] = error
    assert told(batch) == {"event": event, "timestamp": 1796133700040, "data": {"object": shown}}


@given(st.uuids())
def test_an_id_is_its_prefix_and_the_uuid_in_base32(uuid: UUID) -> None:
    prefix, _, digits = speechify_id("conv", str(uuid)).partition("_")
    assert (prefix, len(digits)) == ("conv", 26)
    number = 0
    for digit in digits:
        number = number * 32 + DIGITS.index(digit)
    assert number == uuid.int
    assert uuid_from("conv", f"conv_{digits}") == str(uuid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "conv_",
        "01HZY31VQ9KD1BAVWXP4KJ3C2A",
        "batch_01HZY31VQ9KD1BAVWXP4KJ3C2A",
        "conv_01HZY31VQ9KD1BAVWXP4KJ3C2",
        "conv_01hzy31vq9kd1bavwxp4kj3c2a",
        "conv_01HZY31VQ9KD1BAVWXP4KJ3C2U",
        "conv_81HZY31VQ9KD1BAVWXP4KJ3C2A",
        "conv_018fffe0-cb69-0000-8000-000000000000",
        "conv_01HZY31VQ9KD1BAVWXP4KJ3C2A\n",
    ],
)
def test_what_is_no_id_is_none(text: str) -> None:
    assert uuid_from("conv", text) == ""


def test_the_current_form_of_the_signature() -> None:
    sent = signed_headers(NOW, b'{"event":"x"}', ["newest", "older"])
    digest = hmac.new(b"newest", b'1796133700.{"event":"x"}', sha256).hexdigest()
    assert sent == {"Speechify-Signature": f"t=1796133700,v0={digest}"}


def test_a_probe_is_no_event_that_they_have() -> None:
    webhook_id = WebhookId("00000000-0000-0000-0000-000000000000")
    probe = Probe(AccountId("a"), webhook_id, "test_1", DAY)
    assert orjson.loads(probe_body(probe, NOW)) == {
        "event": "test",
        "timestamp": 1796133700040,
        "data": {"object": {"id": "whe_" + "0" * 26}},
    }
