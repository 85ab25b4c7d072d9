"""Wrong requests to WebhookService."""

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_pb2 import BATCH_STATE_FAILED, BATCH_STATE_PAUSED
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_ENDED
from outdial.v1.webhook_delivery_pb2 import WEBHOOK_DELIVERY_STATE_GIVEN_UP
from outdial.v1.webhook_pb2 import WEBHOOK_FORMAT_ULTRAVOX, Webhook
from tests.integration.wrong_requests.world import HOOK
from tests.integration.wrong_requests.wrong import faulty, misfit, no_such_id, outdated, unfound

from outdial_server.domain.ids import BatchId
from outdial_server.domain.webhook_message import message_id

BAD_URLS = {
    "no scheme": "hooks.example.com/outdial",
    "another scheme": "ftp://hooks.example.com/outdial",
    "no host": "https:///outdial",
    "a port that is none": "https://hooks.example.com:x/",
    "a user": "https://ada:secret@hooks.example.com/",
    "a fragment": "https://hooks.example.com/#here",
    "a space": "https://hooks.example.com/a b",
    "no TLS": "http://hooks.example.com/outdial",
    "no TLS, on this machine": "http://127.0.0.1:9/",
    "NUL": "https://hooks.example.com/\0",
    "too long": "https://hooks.example.com/" + "x" * 2048,
}

ROWS = [
    faulty("nothing", "CreateWebhook", lambda w: {}, "webhook.url", says="is required"),
    *(
        faulty(
            f"a URL with {name}",
            "CreateWebhook",
            lambda w, url=url: {"webhook": Webhook(url=url)},
            "webhook.url",
        )
        for name, url in BAD_URLS.items()
    ),
    faulty(
        "a long description, one event twice, and an end that is none",
        "CreateWebhook",
        lambda w: {
            "webhook": Webhook(
                url=HOOK,
                description="x" * 257,
                event_types=[EVENT_TYPE_CALL_ENDED, EVENT_TYPE_CALL_ENDED],
                batch_end_states=[BATCH_STATE_FAILED, BATCH_STATE_PAUSED],
            )
        },
        "webhook.description",
        "webhook.event_types",
        "webhook.batch_end_states",
    ),
    faulty(
        "one end twice",
        "CreateWebhook",
        lambda w: {
            "webhook": Webhook(url=HOOK, batch_end_states=[BATCH_STATE_FAILED, BATCH_STATE_FAILED])
        },
        "webhook.batch_end_states",
    ),
    faulty(
        "an event that there is not",
        "CreateWebhook",
        lambda w: {"webhook": Webhook(url=HOOK, event_types=[EVENT_TYPE_CALL_ENDED, 99])},
        "webhook.event_types[1]",
    ),
    faulty(
        "a format that there is not",
        "CreateWebhook",
        lambda w: {"webhook": Webhook(url=HOOK, format=99)},  # type: ignore[arg-type]
        "webhook.format",
    ),
    faulty(
        "a secret that the standard does not know",
        "CreateWebhook",
        lambda w: {"webhook": Webhook(url=HOOK), "secret": "whsec_short"},
        "secret",
    ),
    faulty(
        "a secret that is too long",
        "CreateWebhook",
        lambda w: {
            "webhook": Webhook(url=HOOK, format=WEBHOOK_FORMAT_ULTRAVOX),
            "secret": "x" * 121,
        },
        "secret",
    ),
    *no_such_id(
        "CreateWebhook",
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {"webhook": Webhook(url=HOOK, agent_id=id_)},
    ),
    *no_such_id(
        "CreateWebhook",
        "BATCH_NOT_FOUND",
        lambda w: w.theirs.completed_id,
        lambda id_: {"webhook": Webhook(url=HOOK, batch_id=id_)},
    ),
    *(
        faulty(
            f"another {name}",
            "UpdateWebhook",
            lambda w, name=name: {
                "webhook": Webhook(webhook_id=w.webhook_id),
                "update_mask": FieldMask(paths=[name]),
            },
            "update_mask",
        )
        for name in ("agent_id", "batch_id", "format")
    ),
    faulty(
        "a secret that the standard does not know",
        "RotateWebhookSecret",
        lambda w: {"webhook_id": w.webhook_id, "secret": "plain"},
        "secret",
    ),
    faulty("no id", "GetWebhook", lambda w: {}, "webhook_id", says="is required"),
    *no_such_id(
        "GetWebhook",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook_id": id_},
    ),
    faulty("no id", "UpdateWebhook", lambda w: {}, "webhook.webhook_id", says="is required"),
    *no_such_id(
        "UpdateWebhook",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook": Webhook(webhook_id=id_, description="x")},
    ),
    faulty(
        "no URL left",
        "UpdateWebhook",
        lambda w: {
            "webhook": Webhook(webhook_id=w.webhook_id),
            "update_mask": FieldMask(paths=["url"]),
        },
        "webhook.url",
    ),
    faulty(
        "a field that is ours",
        "UpdateWebhook",
        lambda w: {
            "webhook": Webhook(webhook_id=w.webhook_id),
            "update_mask": FieldMask(paths=["health"]),
        },
        "update_mask",
    ),
    outdated(
        "an old etag",
        "UpdateWebhook",
        lambda w: {"webhook": Webhook(webhook_id=w.webhook_id, description="x", etag='"0"')},
    ),
    faulty("no id", "DeleteWebhook", lambda w: {}, "webhook_id", says="is required"),
    *no_such_id(
        "DeleteWebhook",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook_id": id_},
    ),
    faulty("no id", "RotateWebhookSecret", lambda w: {}, "webhook_id", says="is required"),
    *no_such_id(
        "RotateWebhookSecret",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook_id": id_},
    ),
    faulty("no id", "ListWebhookDeliveries", lambda w: {}, "webhook_id", says="is required"),
    *no_such_id(
        "ListWebhookDeliveries",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook_id": id_},
    ),
    faulty(
        "a state that there is not",
        "ListWebhookDeliveries",
        lambda w: {"webhook_id": w.webhook_id, "states": [WEBHOOK_DELIVERY_STATE_GIVEN_UP, 99]},
        "states[1]",
    ),
    unfound(
        "a batch whose id is no UUID",
        "ListWebhookDeliveries",
        lambda w: {"webhook_id": w.webhook_id, "batch_id": "nonsense"},
        "BATCH_NOT_FOUND",
    ),
    faulty("no id", "RedeliverWebhookEvents", lambda w: {}, "webhook_id", says="is required"),
    *no_such_id(
        "RedeliverWebhookEvents",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook_id": id_, "since_time": Timestamp(seconds=1)},
    ),
    faulty(
        "neither messages nor a time",
        "RedeliverWebhookEvents",
        lambda w: {"webhook_id": w.webhook_id},
        "message_ids",
        says="is required",
    ),
    faulty(
        "what is no message id",
        "RedeliverWebhookEvents",
        lambda w: {"webhook_id": w.webhook_id, "message_ids": [w.ours.completed_id]},
        "message_ids[0]",
    ),
    faulty(
        "messages and a time",
        "RedeliverWebhookEvents",
        lambda w: {
            "webhook_id": w.webhook_id,
            "message_ids": [message_id(BatchId(w.ours.completed_id), 1)],
            "since_time": Timestamp(seconds=1),
        },
        "since_time",
    ),
    faulty(
        "an end before the beginning",
        "RedeliverWebhookEvents",
        lambda w: {
            "webhook_id": w.webhook_id,
            "since_time": Timestamp(seconds=2),
            "until_time": Timestamp(seconds=1),
        },
        "until_time",
    ),
    faulty(
        "a moment that is none",
        "RedeliverWebhookEvents",
        lambda w: {"webhook_id": w.webhook_id, "since_time": Timestamp(seconds=-(10**12))},
        "since_time",
    ),
    unfound(
        "an event of another account",
        "RedeliverWebhookEvents",
        lambda w: {
            "webhook_id": w.webhook_id,
            "message_ids": [message_id(BatchId(w.theirs.completed_id), 1)],
        },
        "WEBHOOK_EVENT_NOT_FOUND",
    ),
    unfound(
        "the batch of another account",
        "RedeliverWebhookEvents",
        lambda w: {
            "webhook_id": w.webhook_id,
            "since_time": Timestamp(seconds=1),
            "batch_id": w.theirs.completed_id,
        },
        "BATCH_NOT_FOUND",
    ),
    misfit(
        "an endpoint that rests",
        "RedeliverWebhookEvents",
        lambda w: {
            "webhook_id": w.webhook_id,
            "message_ids": [message_id(BatchId(w.ours.completed_id), 1)],
        },
        "WEBHOOK_INACTIVE",
    ),
    faulty("no id", "SendTestWebhook", lambda w: {}, "webhook_id", says="is required"),
    *no_such_id(
        "SendTestWebhook",
        "WEBHOOK_NOT_FOUND",
        lambda w: w.their_webhook_id,
        lambda id_: {"webhook_id": id_},
    ),
    *no_such_id(
        "ListWebhooks",
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {"agent_id": id_},
    ),
    faulty(
        "a token of another list",
        "ListWebhooks",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
]
