"""Wrong requests to WebhookService."""

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_ENDED
from outdial.v1.webhook_pb2 import Webhook
from tests.integration.wrong_requests.world import HOOK
from tests.integration.wrong_requests.wrong import faulty, no_such_id, outdated

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
        "a long description, and one event twice",
        "CreateWebhook",
        lambda w: {
            "webhook": Webhook(
                url=HOOK,
                description="x" * 257,
                event_types=[EVENT_TYPE_CALL_ENDED, EVENT_TYPE_CALL_ENDED],
            )
        },
        "webhook.description",
        "webhook.event_types",
    ),
    faulty(
        "an event that there is not",
        "CreateWebhook",
        lambda w: {"webhook": Webhook(url=HOOK, event_types=[EVENT_TYPE_CALL_ENDED, 99])},
        "webhook.event_types[1]",
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
    faulty(
        "a token of another list",
        "ListWebhooks",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
]
