"""Webhooks from the SDK and the command."""

import json
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import BATCH_STATE_FAILED
from outdial.v1.event_pb2 import EVENT_TYPE_BATCH_ENDED, EVENT_TYPE_CALL_ENDED
from outdial.v1.webhook_delivery_pb2 import (
    WEBHOOK_DELIVERY_STATE_RETRYING,
    WebhookDelivery,
)
from outdial.v1.webhook_pb2 import WEBHOOK_FORMAT_ULTRAVOX, WEBHOOK_HEALTH_FAILING, Webhook
from outdial.v1.webhook_service_pb2 import (
    CreateWebhookResponse,
    DeleteWebhookResponse,
    GetWebhookResponse,
    ListWebhookDeliveriesResponse,
    ListWebhooksResponse,
    RedeliverWebhookEventsResponse,
    RotateWebhookSecretResponse,
    SendTestWebhookResponse,
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
    batch_id="b-1",
    format=WEBHOOK_FORMAT_ULTRAVOX,
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


async def test_a_webhook_is_of_an_agent_or_a_batch_and_in_a_format(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("CreateWebhook", MADE)
    far_end.answer("ListAgents", ListAgentsResponse(agents=[Agent(agent_id="a-1")]))
    words = ("webhook", "create", HOOK.url, "--batch", "b-1", "--format", "ultravox")
    made = await outdial(*words, "--agent", "Ada", "--batch-end", "failed")
    assert made.exit_code == 0, made.output
    async with Client(far_end.address) as client:
        await client.webhooks.create(HOOK.url, secret="mine")
    typed, called = far_end.requests("CreateWebhook")
    assert typed.webhook == Webhook(
        url=HOOK.url,
        agent_id="a-1",
        batch_id="b-1",
        format=WEBHOOK_FORMAT_ULTRAVOX,
        batch_end_states=[BATCH_STATE_FAILED],
    )
    assert called.secret == "mine"


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


async def test_a_secret_of_ones_own_comes_from_a_file(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    far_end.answer("CreateWebhook", MADE)
    far_end.answer("RotateWebhookSecret", RotateWebhookSecretResponse(webhook=HOOK, secret="mine"))
    file = tmp_path / "secret"
    file.write_text("mine\n")
    made = await outdial("webhook", "create", HOOK.url, "--secret", f"@{file}")
    assert made.exit_code == 0, made.output
    rotated = await outdial("webhook", "rotate", "w-1", "--secret", f"@{file}")
    assert rotated.exit_code == 0, rotated.output
    assert far_end.requests("CreateWebhook")[0].secret == "mine"
    assert far_end.requests("RotateWebhookSecret")[0].secret == "mine"


async def test_it_is_shown_how_an_endpoint_takes_it(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("GetWebhook", GetWebhookResponse(webhook=HOOK))
    far_end.answer("ListWebhooks", ListWebhooksResponse(webhooks=[HOOK]))
    shown = await outdial("webhook", "show", "w-1")
    for text in ("call-ended", "failing", "HTTP_503", "7", "b-1", "ultravox"):
        assert text in shown.stdout
    far_end.answer("ListAgents", ListAgentsResponse(agents=[Agent(agent_id="a-1")]))
    listed = await outdial("webhook", "list", "--agent", "Ada")
    assert far_end.requests("ListWebhooks")[0].agent_id == "a-1"
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


DELIVERY = WebhookDelivery(
    message_id="evt_00_4",
    event_type=EVENT_TYPE_CALL_ENDED,
    state=WEBHOOK_DELIVERY_STATE_RETRYING,
    try_count=3,
    duration=Duration(nanos=41_000_000),
    status_code=503,
    error="HTTP_503",
    answer="come later\nplease",
)
AGAIN = RedeliverWebhookEventsResponse(batch_count=2, event_count=17)


async def test_what_became_of_events_is_listed(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListWebhookDeliveries", ListWebhookDeliveriesResponse(deliveries=[DELIVERY]))
    words = ("webhook", "deliveries", "w-1", "--state", "retrying", "--batch", "b-1")
    listed = await outdial(*words)
    assert listed.exit_code == 0, listed.output
    for text in ("evt_00_4", "call-ended", "retrying", "41 ms", "HTTP_503 come later"):
        assert text in listed.stdout
    assert "please" not in listed.stdout
    (request,) = far_end.requests("ListWebhookDeliveries")
    assert (request.webhook_id, request.batch_id) == ("w-1", "b-1")
    assert list(request.states) == [WEBHOOK_DELIVERY_STATE_RETRYING]
    assert (await outdial(*words, "--quiet")).stdout == "evt_00_4\n"


async def test_events_are_sent_again_by_name_or_time(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("RedeliverWebhookEvents", AGAIN)
    named = await outdial("webhook", "redeliver", "w-1", "evt_00_4", "evt_00_5")
    assert named.exit_code == 0, named.output
    assert "17" in named.stdout
    since = await outdial(
        "webhook",
        "redeliver",
        "w-1",
        "--since",
        "2026-03-02T09:00:00Z",
        "--until",
        "2026-03-02T10:00:00Z",
        "--batch",
        "b-1",
    )
    assert since.exit_code == 0, since.output
    by_name, by_time = far_end.requests("RedeliverWebhookEvents")
    assert list(by_name.message_ids) == ["evt_00_4", "evt_00_5"]
    assert not by_name.HasField("since_time")
    assert by_time.until_time.seconds - by_time.since_time.seconds == 3600
    assert by_time.batch_id == "b-1"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("evt_00_4", "--since", "2026-03-02T09:00:00Z"),
        ("evt_00_4", "--until", "2026-03-02T09:00:00Z"),
        ("evt_00_4", "--batch", "b-1"),
    ],
)
async def test_a_redelivery_names_messages_or_a_time(
    outdial: Outdial, words: tuple[str, ...]
) -> None:
    assert (await outdial("webhook", "redeliver", "w-1", *words)).exit_code == 2


async def test_a_test_event_says_what_came_of_it(far_end: FarEnd, outdial: Outdial) -> None:
    took = Duration(nanos=7_000_000)
    far_end.answer(
        "SendTestWebhook", SendTestWebhookResponse(taken=True, status_code=204, duration=took)
    )
    taken = await outdial("webhook", "test", "w-1")
    assert taken.exit_code == 0, taken.output
    assert "HTTP_204, in 7 ms" in taken.stdout
    far_end.answer("SendTestWebhook", SendTestWebhookResponse(error="CANNOT_CONNECT"))
    refused = await outdial("webhook", "test", "w-1")
    assert refused.exit_code == 1
    assert "CANNOT_CONNECT" in refused.stderr
