"""One webhook in full, and what its endpoint has answered."""

from outdial.v1.webhook_delivery_pb2 import WebhookDelivery
from outdial.v1.webhook_pb2 import Webhook
from outdial.v1.webhook_service_pb2 import SendTestWebhookResponse

from outdial_client.cli._choices import (
    BATCH_STATES,
    EVENT_TYPES,
    WEBHOOK_FORMATS,
    WEBHOOK_HEALTHS,
)
from outdial_client.cli._facts import Facts, stated
from outdial_client.cli._words import moment

_ANSWER_SHOWN = 60
"""Characters of an answer that fit beside the rest."""


def webhook_events(webhook: Webhook) -> str:
    """As they are typed."""
    return ", ".join(map(EVENT_TYPES.word, webhook.event_types)) or "all"


def answer_in_words(told: WebhookDelivery | SendTestWebhookResponse) -> str:
    """What came of a request, in one line: its status or error, and the first of the answer."""
    first, *_ = told.answer.strip().split("\n")
    return " ".join(filter(None, (told.error or f"HTTP_{told.status_code}", first[:_ANSWER_SHOWN])))


def webhook_facts(webhook: Webhook) -> Facts:
    """One webhook in full; what is unset is left out."""
    facts = [
        ("id", webhook.webhook_id),
        ("url", webhook.url),
        ("events", webhook_events(webhook)),
        ("ends of batches", ", ".join(map(BATCH_STATES.spoken, webhook.batch_end_states))),
        ("agent", webhook.agent_id),
        ("batch", webhook.batch_id),
        ("format", WEBHOOK_FORMATS.spoken(webhook.format)),
        ("description", webhook.description),
        ("held", "" if webhook.active else "it is not active"),
        ("health", WEBHOOK_HEALTHS.spoken(webhook.health)),
        ("failures in a row", str(webhook.consecutive_failures or "")),
        ("the last one", webhook.last_error),
        ("failing since", moment(webhook.failing_since_time)),
        ("old secret signs until", moment(webhook.previous_secret_expire_time)),
        ("created", moment(webhook.create_time)),
    ]
    return stated(facts)
