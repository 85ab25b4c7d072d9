"""Webhooks from the SDK and the command."""

import json

from outdial.v1.event_pb2 import EVENT_TYPE_BATCH_ENDED, EVENT_TYPE_CALL_ENDED
from outdial.v1.webhook_pb2 import WEBHOOK_HEALTH_FAILING, Webhook
from outdial.v1.webhook_service_pb2 import (
    CreateWebhookResponse,
    DeleteWebhookResponse,
    GetWebhookResponse,
    ListWebhooksResponse,
    RotateWebhookSecretResponse,
    UpdateWebhookResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client

HOOK = Webhook(
    webhook_id="w-1",
    url="https://hooks.example.com/",
    event_types=[EVENT_TYPE_CALL_ENDED],
    active=True,
    health=WEBHOOK_HEALTH_FAILING,
    consecutive_failures=7,
    last_error="HTTP_503",
)
MADE = CreateWebhookResponse(webhook=HOOK, secret="whsec_c2VjcmV0")


async def test_a_webhook_is_made_with_its_events(far_end: FarEnd) -> None:
    far_end.answer("CreateWebhook", MADE)
    async with Client(far_end.address) as client:
        made = await client.webhooks.create(HOOK.url, event_types=[EVENT_TYPE_CALL_ENDED])
    assert made == MADE
    (request,) = far_end.requests("CreateWebhook")
    assert request.webhook == Webhook(url=HOOK.url, event_types=[EVENT_TYPE_CALL_ENDED])
    assert request.request_id


async def test_the_secret_is_shown_when_it_is_made(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("CreateWebhook", MADE)
    words = ("webhook", "create", HOOK.url, "--event", "call-ended", "--event", "batch-ended")
    made = await outdial(*words)
    assert made.exit_code == 0, made.output
    assert made.stdout.count(MADE.secret) == 1
    (request,) = far_end.requests("CreateWebhook")
    assert list(request.webhook.event_types) == [EVENT_TYPE_CALL_ENDED, EVENT_TYPE_BATCH_ENDED]
    assert (await outdial(*words, "--quiet")).stdout == MADE.secret + "\n"
    as_json = json.loads((await outdial(*words, "--json")).stdout)
    assert as_json["secret"] == MADE.secret


async def test_a_rotation_shows_the_new_secret(far_end: FarEnd, outdial: Outdial) -> None:
    answer = RotateWebhookSecretResponse(webhook=HOOK, secret="whsec_bmV3ZXI=")
    far_end.answer("RotateWebhookSecret", answer)
    rotated = await outdial("webhook", "rotate", "w-1")
    assert rotated.exit_code == 0, rotated.output
    assert answer.secret in rotated.stdout


async def test_it_is_shown_how_an_endpoint_takes_it(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("GetWebhook", GetWebhookResponse(webhook=HOOK))
    far_end.answer("ListWebhooks", ListWebhooksResponse(webhooks=[HOOK]))
    shown = await outdial("webhook", "show", "w-1")
    for text in ("call-ended", "failing", "HTTP_503", "7"):
        assert text in shown.stdout
    listed = await outdial("webhook", "list")
    assert "failing" in listed.stdout
    assert HOOK.url in listed.stdout


async def test_a_webhook_is_changed_and_deleted(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("GetWebhook", GetWebhookResponse(webhook=HOOK))
    far_end.answer("UpdateWebhook", UpdateWebhookResponse(webhook=HOOK))
    far_end.answer("DeleteWebhook", DeleteWebhookResponse())
    changed = await outdial("webhook", "update", "w-1", "--inactive", "--event", "batch-ended")
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdateWebhook")
    assert set(request.update_mask.paths) == {"active", "event_types"}
    assert request.webhook.HasField("active")
    assert not request.webhook.active
    assert (await outdial("webhook", "update", "w-1")).exit_code == 2
    deleted = await outdial("webhook", "delete", "w-1")
    assert deleted.exit_code == 0, deleted.output
    assert far_end.requests("DeleteWebhook")[0].webhook_id == "w-1"
