"""Calls as Ultravox's webhooks tell them, and how those are signed: for endpoints of an account,
and for the webhook of a batch."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from outdial_server.domain.call import Call, CallTexts, Disposition
from outdial_server.domain.told_call import CallMoment, ToldCall, moment_of
from outdial_server.domain.webhook_message import WebhookMessage, tells_of_nothing

EVENTS: Final = {
    CallMoment.STARTED: "call.started",
    CallMoment.JOINED: "call.joined",
    CallMoment.ENDED: "call.ended",
}

_NO_TEXTS: Final = CallTexts()

_OUTGOING: Final = frozenset({"twilio", "telnyx", "plivo", "sip"})
"""Media whose calls they dial; the simulated carrier is none of them."""

_END_REASONS: Final = {
    Disposition.ANSWERED_HUMAN: "hangup",
    Disposition.ANSWERED_MACHINE: "hangup",
    Disposition.BUSY: "unjoined",
    Disposition.NO_ANSWER: "unjoined",
    Disposition.REJECTED: "unjoined",
    Disposition.INVALID_NUMBER: "unjoined",
    Disposition.FAILED: "connection_error",
    Disposition.CANCELLED: "hangup",
    Disposition.UNJOINED: "unjoined",
    Disposition.PRESUMED_ENDED: "timeout",
    Disposition.UNKNOWN: "system_error",
}
_RETENTION: Final = {
    "CALL_RETENTION_POLICY_RETAIN": "retain",
    "CALL_RETENTION_POLICY_AUTO_DELETE": "auto_delete",
}
"""Requests spell it in another way than answers."""

_NEEDS_A_JOIN: Final = frozenset({"hangup", "timeout"})

_SIP_TERMINATIONS: Final = {
    Disposition.ANSWERED_HUMAN: "NORMAL",
    Disposition.ANSWERED_MACHINE: "NORMAL",
    Disposition.BUSY: "BUSY",
    Disposition.NO_ANSWER: "TIMEOUT",
    Disposition.REJECTED: "REJECTED",
    Disposition.INVALID_NUMBER: "INVALID_NUMBER",
    Disposition.FAILED: "DESTINATION_UNAVAILABLE",
    Disposition.CANCELLED: "CANCELED",
    Disposition.UNJOINED: "TIMEOUT",
    Disposition.PRESUMED_ENDED: "UNKNOWN",
    Disposition.UNKNOWN: "UNKNOWN",
}


def body(message: WebhookMessage) -> bytes:
    if not isinstance(message.about, ToldCall):
        raise tells_of_nothing(message)
    return call_payload(moment_of(message.event.type), message.about)


def probe_body() -> bytes:
    """They have no test event; receivers switch over the ones that they have."""
    return orjson.dumps({"event": "test", "call": None})


def call_payload(moment: CallMoment, told: ToldCall) -> bytes:
    """The body of `call.started`, `call.joined` or `call.ended`. The webhook of a batch is sent
    that of `call.started`."""
    return orjson.dumps({"event": EVENTS[moment], "call": call_object(told.at(moment))})


def signed_headers(at: datetime, body: bytes, secrets: Iterable[str]) -> Mapping[str, str]:
    """With a digest for each of the secrets, which are used as they are. No blanks behind the
    commas: the documented way to verify compares the pieces without trimming them."""
    timestamp = at.isoformat(timespec="microseconds")
    content = body + timestamp.encode()
    digests = (hmac.new(secret.encode(), content, sha256).hexdigest() for secret in secrets)
    return {
        "X-Ultravox-Webhook-Timestamp": timestamp,
        "X-Ultravox-Webhook-Signature": ",".join(digests),
    }


def call_object(told: ToldCall) -> dict[str, Any]:
    """A call as `GET /api/calls/{call_id}` shows it. What only their media know has its
    documented default; of billing nothing is known here."""
    call, texts = told.call, told.call.texts or _NO_TEXTS
    kept = _kept(told.annotations_json)
    said = _settings(told, kept)
    summary = call.conversation.summary if call.conversation is not None else ""
    return {
        "callId": call.call_id,
        "clientVersion": None,
        "created": _time(told.created_at),
        "joined": _time(call.answered_at),
        "ended": _time(call.ended_at),
        "endReason": _end_reason(call),
        "billedDuration": None,
        "billedSideInputTokens": None,
        "billedSideOutputTokens": None,
        "billingStatus": "BILLING_STATUS_UNSPECIFIED",
        "firstSpeaker": _first_speaker(said),
        "firstSpeakerSettings": said.get("firstSpeakerSettings", {"agent": _first_words(texts)}),
        "inactivityMessages": said.get("inactivityMessages", []),
        "initialOutputMedium": said.get("initialOutputMedium", "MESSAGE_MEDIUM_VOICE"),
        "joinTimeout": _duration(told.times.ring_timeout),
        "joinUrl": None if call.carrier == "sip" else texts.join_url or None,
        "languageHint": said.get("languageHint"),
        "maxDuration": _duration(told.times.max_duration),
        "medium": kept["medium"] if "medium" in kept else _medium(call),
        "model": said.get("model", "ultravox-v0.7"),
        "recordingEnabled": said.get("recordingEnabled", False),
        "retentionPolicy": _RETENTION.get(said.get("retentionPolicy", "")),
        "systemPrompt": texts.prompt or None,
        "temperature": float(said.get("temperature", 0)),
        "timeExceededMessage": said.get("timeExceededMessage"),
        "voice": said.get("voice"),
        "transcriptOptional": True,
        "vadSettings": said.get("vadSettings"),
        "shortSummary": None,
        "summary": summary or None,
        "agent": {"agentId": call.agent_id, "name": told.agent_name},
        "agentId": call.agent_id,
        "experimentalSettings": kept.get("experimentalSettings"),
        "metadata": dict(told.metadata),
        "initialState": {},
        "requestContext": None,
        "sipDetails": _sip_details(call),
    }


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _duration(span: timedelta) -> str:
    return f"{span.total_seconds():.9f}".rstrip("0").rstrip(".") + "s"


def _end_reason(call: Call) -> str | None:
    if call.disposition is None:
        return None
    reason = _END_REASONS[call.disposition]
    return "unjoined" if call.answered_at is None and reason in _NEEDS_A_JOIN else reason


def _first_words(texts: CallTexts) -> dict[str, str]:
    return {"text": texts.first_message} if texts.first_message else {}


def _medium(call: Call) -> dict[str, Any] | None:
    if call.carrier not in _OUTGOING:
        return None
    ends = {"to": call.address, "from": call.caller_id}
    return {call.carrier: {"outgoing": {name: end for name, end in ends.items() if end}}}


def _sip_details(call: Call) -> dict[str, str | None] | None:
    if call.carrier != "sip":
        return None
    termination = None
    if call.disposition is not None:
        termination = f"SIP_TERMINATION_{_SIP_TERMINATIONS[call.disposition]}"
    return {"billedDuration": None, "terminationReason": termination}


def _settings(told: ToldCall, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What only their media act by, as it was written for the agent, and for the call over it."""
    of_agent = _kept(told.agent_annotations_json).get("callTemplate", {})
    both = {**of_agent, **kept.get("callTemplate", {})}
    return {name: value for name, value in both.items() if value is not None}


def _first_speaker(said: Mapping[str, Any]) -> str:
    is_user = "user" in said.get("firstSpeakerSettings", {})
    return "FIRST_SPEAKER_USER" if is_user else "FIRST_SPEAKER_AGENT"


def _kept(annotations_json: str) -> Mapping[str, Any]:
    """What was said of a person's call and is given back as it came: its medium, its settings."""
    return orjson.loads(annotations_json) if annotations_json else {}
