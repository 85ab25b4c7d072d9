"""Webhooks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import webhook_pb2 as pb

from outdial_server.api.conversion.enums import (
    BATCH_STATE,
    EVENT_TYPE,
    WEBHOOK_FORMAT,
    WEBHOOK_HEALTH,
)
from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.etag import etag_of
from outdial_server.domain.ids import AgentId, BatchId
from outdial_server.domain.webhook import Webhook, WebhookFields
from outdial_server.domain.webhook_format import WebhookFormat

_WRITABLE: Final = ("url", "description", "event_types", "batch_end_states", "active")


def webhook_to_message(webhook: Webhook) -> pb.Webhook:
    fields, failures = webhook.fields, webhook.failures
    return pb.Webhook(
        webhook_id=webhook.webhook_id,
        account_id=webhook.account_id,
        url=fields.url,
        description=fields.description,
        event_types=map(EVENT_TYPE.to_message, fields.event_types),
        batch_end_states=map(BATCH_STATE.to_message, fields.batch_end_states),
        active=fields.active,
        agent_id=fields.agent_id or "",
        batch_id=fields.batch_id or "",
        format=WEBHOOK_FORMAT.to_message(fields.format),
        health=WEBHOOK_HEALTH.to_message(failures.health),
        consecutive_failures=failures.count,
        last_error=failures.last_error,
        failing_since_time=timestamp(failures.since),
        previous_secret_expire_time=timestamp(webhook.secrets.previous_until),
        create_time=timestamp(webhook.created_at),
        update_time=timestamp(webhook.updated_at),
        etag=etag_of(webhook.revision),
    )


def webhook_fields(message: pb.Webhook) -> WebhookFields:
    """Raises InvalidFieldsError for an event type or a format that this server does not know."""
    return WebhookFields(
        url=message.url,
        description=message.description,
        event_types=EVENT_TYPE.each(message.event_types, "webhook.event_types"),
        batch_end_states=BATCH_STATE.each(message.batch_end_states, "webhook.batch_end_states"),
        active=message.active if message.HasField("active") else True,
        agent_id=AgentId(canonical(message.agent_id)) if message.agent_id else None,
        batch_id=BatchId(canonical(message.batch_id)) if message.batch_id else None,
        format=WEBHOOK_FORMAT.from_message(message.format, "webhook.format", WebhookFormat.OUTDIAL),
    )


def webhook_change(
    message: pb.Webhook, mask: FieldMask
) -> Callable[[WebhookFields], WebhookFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _WRITABLE)
    fields = webhook_fields(message)
    written = {name: getattr(fields, name) for name in named}
    return lambda present: replace(present, **written)
