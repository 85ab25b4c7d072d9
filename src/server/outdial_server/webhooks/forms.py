"""Each format: how its requests are written, and how they show that they are ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.domain.webhook_signature import signed_headers
from outdial_server.webhooks import outdial, speechify, truedy, ultravox


@dataclass(frozen=True, slots=True)
class Form:
    """`body` is of a message at the moment of its request; `headers` are of a message id, that
    moment, the body, and the secrets that sign, the newest first."""

    body: Callable[[WebhookMessage, datetime], bytes]
    probe: Callable[[Probe, datetime], bytes]
    headers: Callable[[str, datetime, bytes, Sequence[str]], Mapping[str, str]]


FORMS: Final[Mapping[WebhookFormat, Form]] = {
    WebhookFormat.OUTDIAL: Form(
        lambda message, now: outdial.body(message),
        lambda probe, now: outdial.probe_body(probe),
        signed_headers,
    ),
    WebhookFormat.ULTRAVOX: Form(
        lambda message, now: ultravox.body(message),
        lambda probe, now: ultravox.probe_body(),
        lambda message_id, at, body, secrets: ultravox.signed_headers(at, body, secrets),
    ),
    WebhookFormat.SPEECHIFY: Form(
        speechify.body,
        speechify.probe_body,
        lambda message_id, at, body, secrets: speechify.signed_headers(at, body, secrets),
    ),
    WebhookFormat.TRUEDY: Form(
        lambda message, now: truedy.body(message),
        lambda probe, now: truedy.probe_body(probe),
        lambda message_id, at, body, secrets: truedy.signed_headers(at, body, secrets),
    ),
}
