"""Calls as Ultravox's webhooks tell them, held against the documented examples."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pytest

from outdial_server.domain.call import CallTexts, Disposition
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.told_call import CallMoment, ToldCall
from outdial_server.webhooks.ultravox import call_payload, probe_body, signed_headers
from support.told import AGENT, CALL, DAY, TOLD

DOCUMENTED = {
    "callId": "b9a7c1c4-2f52-4a6d-90c9-1f2a63c8a0d7",
    "clientVersion": None,
    "created": "2026-12-01T14:00:03.220911Z",
    "joined": "2026-12-01T14:00:19.004120Z",
    "ended": "2026-12-01T14:01:31.870002Z",
    "endReason": "hangup",
    "billedDuration": None,
    "billedSideInputTokens": None,
    "billedSideOutputTokens": None,
    "billingStatus": "BILLING_STATUS_UNSPECIFIED",
    "firstSpeaker": "FIRST_SPEAKER_AGENT",
    "firstSpeakerSettings": {"agent": {}},
    "inactivityMessages": [],
    "initialOutputMedium": "MESSAGE_MEDIUM_VOICE",
    "joinTimeout": "30s",
    "joinUrl": None,
    "languageHint": None,
    "maxDuration": "3600s",
    "medium": {"twilio": {"outgoing": {"to": "+15551230001", "from": "+15559870000"}}},
    "model": "ultravox-v0.7",
    "recordingEnabled": False,
    "retentionPolicy": None,
    "systemPrompt": "You are calling Ada.",
    "temperature": 0.0,
    "timeExceededMessage": None,
    "voice": None,
    "transcriptOptional": True,
    "vadSettings": None,
    "shortSummary": None,
    "summary": None,
    "agent": {"agentId": AGENT, "name": "Reminder"},
    "agentId": AGENT,
    "experimentalSettings": None,
    "metadata": {"crmId": "c-1"},
    "initialState": {},
    "requestContext": None,
    "sipDetails": None,
}
"""The documented example, but for billing, of which nothing is known, and who speaks first, which
is the documented default."""

TERMINATIONS = (
    "NORMAL",
    "INVALID_NUMBER",
    "TIMEOUT",
    "DESTINATION_UNAVAILABLE",
    "BUSY",
    "CANCELED",
    "REJECTED",
    "UNKNOWN",
)


def told(moment: CallMoment, of: ToldCall = TOLD) -> dict[str, object]:
    body: dict[str, object] = orjson.loads(call_payload(moment, of))["call"]
    return body


def test_a_call_that_has_ended_is_told_as_documented() -> None:
    body = orjson.loads(call_payload(CallMoment.ENDED, TOLD))
    assert body == {"event": "call.ended", "call": DOCUMENTED}
    assert list(body["call"]) == list(DOCUMENTED)


def test_what_came_later_is_not_told() -> None:
    later = {"ended": None, "endReason": None}
    assert told(CallMoment.JOINED) == DOCUMENTED | later
    assert told(CallMoment.STARTED) == DOCUMENTED | later | {"joined": None}


@pytest.mark.parametrize(
    ("disposition", "answered", "reason"),
    [
        (Disposition.ANSWERED_MACHINE, True, "hangup"),
        (Disposition.NO_ANSWER, False, "unjoined"),
        (Disposition.CANCELLED, True, "hangup"),
        (Disposition.CANCELLED, False, "unjoined"),
        (Disposition.FAILED, False, "connection_error"),
        (Disposition.PRESUMED_ENDED, True, "timeout"),
        (Disposition.PRESUMED_ENDED, False, "unjoined"),
        (Disposition.UNKNOWN, False, "system_error"),
    ],
)
def test_an_end_has_one_of_their_reasons(
    disposition: Disposition, answered: bool, reason: str
) -> None:
    call = replace(
        CALL, disposition=disposition, answered_at=CALL.answered_at if answered else None
    )
    assert told(CallMoment.ENDED, replace(TOLD, call=call))["endReason"] == reason


@pytest.mark.parametrize("disposition", Disposition)
def test_a_call_over_sip_says_how_it_was_terminated(disposition: Disposition) -> None:
    call = replace(
        CALL, carrier="sip", disposition=disposition, texts=CallTexts("", "", "wss://join")
    )
    body = told(CallMoment.ENDED, replace(TOLD, call=call))
    assert isinstance(body["sipDetails"], dict)
    assert body["sipDetails"]["terminationReason"] in {
        f"SIP_TERMINATION_{word}" for word in TERMINATIONS
    }
    assert body["joinUrl"] is None
    unended = told(CallMoment.STARTED, replace(TOLD, call=call))
    assert unended["sipDetails"] == {"billedDuration": None, "terminationReason": None}


def test_the_join_url_first_message_and_settings_are_those_of_the_call() -> None:
    call = replace(
        CALL, carrier="simulated", texts=CallTexts("", "Hello Ada", "wss://join/1"), caller_id=""
    )
    given = replace(TOLD, call=call, annotations_json='{"experimentalSettings":{"a":[1]}}')
    body = told(CallMoment.STARTED, given)
    assert body["joinUrl"] == "wss://join/1"
    assert body["firstSpeakerSettings"] == {"agent": {"text": "Hello Ada"}}
    assert body["medium"] is None
    assert body["systemPrompt"] is None
    assert body["experimentalSettings"] == {"a": [1]}


def test_what_was_said_is_summed_up_once_the_call_is_over() -> None:
    call = replace(CALL, conversation=Conversation(summary="Ada will come."))
    given = replace(TOLD, call=call)
    assert told(CallMoment.ENDED, given)["summary"] == "Ada will come."
    assert told(CallMoment.JOINED, given)["summary"] is None


def test_a_probe_is_no_event_that_they_have() -> None:
    assert orjson.loads(probe_body()) == {"event": "test", "call": None}


def test_the_documented_signature_holds() -> None:
    body = b'{"event":"call.started","call":{"callId":"3f0f6f4e-6d0e-4d7a-9a51-0a3c1a6c2b11"}}'
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert signed_headers(at, body, ["test-secret-0123456789", "second-secret"]) == {
        "X-Ultravox-Webhook-Timestamp": "2026-11-21T09:00:00.000000+00:00",
        "X-Ultravox-Webhook-Signature": (
            "8ccb75870a942766469cf66add4487060563cf966dfc0e5a39bfcb52b893fdc2,"
            "e5431ec6b539276eff253d33e7de7fa872290c2514e22de3979c8f91bc06686d"
        ),
    }


def test_any_one_of_the_secrets_verifies_and_no_other() -> None:
    body = call_payload(CallMoment.STARTED, TOLD)
    headers = signed_headers(DAY, body, ["one", "two"])
    content = body + headers["X-Ultravox-Webhook-Timestamp"].encode()
    sent = headers["X-Ultravox-Webhook-Signature"].split(",")
    for secret, is_known in (("one", True), ("two", True), ("three", False)):
        assert (hmac.new(secret.encode(), content, sha256).hexdigest() in sent) is is_known
