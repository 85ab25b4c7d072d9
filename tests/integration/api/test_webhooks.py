"""WebhookService over gRPC, and events that are posted to a real receiver."""

import asyncio
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import grpc.aio
import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import (
    BATCH_STATE_CANCELLED,
    BATCH_STATE_COMPLETED,
    BATCH_STATE_FAILED,
    Batch,
)
from outdial.v1.event_pb2 import (
    EVENT_TYPE_BATCH_ENDED,
    EVENT_TYPE_CALL_ENDED,
    EVENT_TYPE_CALL_SENDING,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.webhook_delivery_pb2 import WEBHOOK_DELIVERY_STATE_DELIVERED
from outdial.v1.webhook_pb2 import (
    WEBHOOK_FORMAT_SPEECHIFY,
    WEBHOOK_FORMAT_TRUEDY,
    WEBHOOK_FORMAT_ULTRAVOX,
    WEBHOOK_HEALTH_HEALTHY,
    Webhook,
    WebhookFormat,
)
from standardwebhooks import Webhook as Verifier
from tests.integration.api.conftest import new_tenant, watch_to_the_end
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.settings import Settings
from support.grpc import Metadata, call

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = 5
LAST = ("BATCH_ENDED", "batch_call.completed", "batch.completed")
WANTED = [EVENT_TYPE_CALL_SENDING, EVENT_TYPE_CALL_ENDED, EVENT_TYPE_BATCH_ENDED]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("server")
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile="fast",
        drain_seconds=0.2,
        outgoing_allow="127.0.0.1",
    )


class Receiver:
    """An endpoint that keeps what it took, until the end of a batch comes."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.has_ended = asyncio.Event()
        self.has_more = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        await self.may_answer.wait()
        self.received.append((dict(request.headers), body))
        status = self.answers.pop(0) if self.answers else 204
        self.has_more.set()
        told = orjson.loads(body)
        if status == 204 and told.get("type", told.get("event")) in LAST:
            self.has_ended.set()
        return web.Response(status=status, text=None if status == 204 else f"said {status}")


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    yield receiver
    await runner.cleanup()


async def dial(channel: grpc.aio.Channel, key: Metadata) -> str:
    agent = await call(channel, "CreateAgent", key, agent=Agent(display_name="Ada"))
    made = await call(
        channel,
        "CreateBatch",
        key,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="list"),
        scheduled_calls=[ScheduledCall(address=f"+1555123{n:04d}") for n in range(PEOPLE)],
    )
    batch_id: str = made.batch.batch_id
    return batch_id


async def test_events_of_a_batch_arrive_signed_and_in_order(
    grpc_channel: grpc.aio.Channel, receiver: Receiver
) -> None:
    key = (await new_tenant(grpc_channel, "told")).key
    hook = Webhook(url=receiver.url, event_types=WANTED)
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook)
    batch_id = await dial(grpc_channel, key)
    async with asyncio.timeout(30):
        await receiver.has_ended.wait()
    bodies = [Verifier(made.secret).verify(body, headers) for headers, body in receiver.received]
    assert [body["type"] for body in bodies].count("CALL_ENDED") == PEOPLE
    assert [body["type"] for body in bodies].count("CALL_SENDING") == PEOPLE
    assert bodies[-1]["data"]["batch"]["state"] == "COMPLETED"
    assert {body["data"]["batch_id"] for body in bodies} == {batch_id}
    sequences = [body["data"]["sequence"] for body in bodies]
    assert sequences == sorted(set(sequences))
    ids = {headers["webhook-id"] for headers, _ in receiver.received}
    assert len(ids) == len(bodies)
    shown = await call(grpc_channel, "GetWebhook", key, webhook_id=made.webhook.webhook_id)
    assert shown.webhook.health == WEBHOOK_HEALTH_HEALTHY


async def test_a_batch_comes_to_its_end_while_its_receiver_answers_nothing(
    grpc_channel: grpc.aio.Channel, receiver: Receiver
) -> None:
    key = (await new_tenant(grpc_channel, "slow")).key
    await call(grpc_channel, "CreateWebhook", key, webhook=Webhook(url=receiver.url))
    receiver.may_answer.clear()
    batch_id = await dial(grpc_channel, key)
    await watch_to_the_end(grpc_channel, key, batch_id)
    assert not receiver.received
    receiver.may_answer.set()
    async with asyncio.timeout(60):
        await receiver.has_ended.wait()
    bodies = [orjson.loads(body) for _, body in receiver.received]
    # A request that was given up before it was answered has been sent twice.
    sequences = list(dict.fromkeys(body["data"]["sequence"] for body in bodies))
    assert sequences == list(range(1, len(sequences) + 1))
    assert Counter(body["type"] for body in bodies)["CALL_ENDED"] >= PEOPLE


async def test_after_a_rotation_both_secrets_verify(
    grpc_channel: grpc.aio.Channel, receiver: Receiver
) -> None:
    key = (await new_tenant(grpc_channel, "rotating")).key
    hook = Webhook(url=receiver.url, event_types=[EVENT_TYPE_BATCH_ENDED])
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook)
    rotated = await call(
        grpc_channel, "RotateWebhookSecret", key, webhook_id=made.webhook.webhook_id
    )
    assert rotated.secret != made.secret
    assert rotated.webhook.HasField("previous_secret_expire_time")
    await dial(grpc_channel, key)
    async with asyncio.timeout(30):
        await receiver.has_ended.wait()
    ((headers, body),) = receiver.received
    for secret in (made.secret, rotated.secret):
        assert Verifier(secret).verify(body, headers)["type"] == "BATCH_ENDED"


async def test_a_webhook_is_read_listed_changed_and_deleted(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "webhooks")).key
    asked = Webhook(
        url="https://hooks.example.com/",
        event_types=WANTED,
        batch_end_states=[BATCH_STATE_FAILED, BATCH_STATE_COMPLETED],
    )
    made = await call(grpc_channel, "CreateWebhook", key, webhook=asked, request_id="one")
    again = await call(grpc_channel, "CreateWebhook", key, webhook=asked, request_id="one")
    assert (again.webhook, again.secret) == (made.webhook, made.secret)
    assert made.webhook.active
    assert made.webhook.batch_end_states == asked.batch_end_states
    webhook_id = made.webhook.webhook_id
    wanted = Webhook(
        webhook_id=webhook_id, active=False, description="ours", etag=made.webhook.etag
    )
    wanted.batch_end_states.append(BATCH_STATE_CANCELLED)
    mask = FieldMask(paths=["active", "description", "event_types", "batch_end_states"])
    changed = await call(grpc_channel, "UpdateWebhook", key, webhook=wanted, update_mask=mask)
    assert (changed.webhook.active, changed.webhook.description) == (False, "ours")
    assert not changed.webhook.event_types
    assert list(changed.webhook.batch_end_states) == [BATCH_STATE_CANCELLED]
    listed = await call(grpc_channel, "ListWebhooks", key)
    assert list(listed.webhooks) == [changed.webhook]
    await call(grpc_channel, "DeleteWebhook", key, webhook_id=webhook_id)
    assert not (await call(grpc_channel, "ListWebhooks", key)).webhooks


async def test_what_became_of_it_is_listed_and_sent_again_with_the_same_ids(
    grpc_channel: grpc.aio.Channel, receiver: Receiver
) -> None:
    key = (await new_tenant(grpc_channel, "listed")).key
    hook = Webhook(url=receiver.url, event_types=WANTED)
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook)
    webhook_id = made.webhook.webhook_id
    batch_id = await dial(grpc_channel, key)
    async with asyncio.timeout(30):
        await receiver.has_ended.wait()
    sent = [headers["webhook-id"] for headers, _ in receiver.received]
    receiver.has_ended.clear()
    again = await call(
        grpc_channel, "RedeliverWebhookEvents", key, webhook_id=webhook_id, message_ids=sent
    )
    assert (again.batch_count, again.event_count) == (1, len(sent))
    async with asyncio.timeout(30):
        await receiver.has_ended.wait()
    bodies = [Verifier(made.secret).verify(body, headers) for headers, body in receiver.received]
    assert [headers["webhook-id"] for headers, _ in receiver.received] == sent * 2
    assert bodies[: len(sent)] == bodies[len(sent) :]
    logged = await call(
        grpc_channel,
        "ListWebhookDeliveries",
        key,
        webhook_id=webhook_id,
        states=[WEBHOOK_DELIVERY_STATE_DELIVERED],
        batch_id=batch_id,
    )
    # What was sent first was noted before it was sent again; the second time may not be yet.
    assert {one.message_id for one in logged.deliveries} == set(sent)
    assert {one.status_code for one in logged.deliveries} == {204}


@pytest.mark.parametrize("active", [True, False])
async def test_a_test_event_tells_what_the_endpoint_said(
    grpc_channel: grpc.aio.Channel, receiver: Receiver, active: bool
) -> None:
    key = (await new_tenant(grpc_channel, f"tested {active}")).key
    hook = Webhook(url=receiver.url, active=active)
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook)
    webhook_id = made.webhook.webhook_id
    receiver.answers = [204, 503]
    taken = await call(grpc_channel, "SendTestWebhook", key, webhook_id=webhook_id)
    assert (taken.taken, taken.status_code, taken.error) == (True, 204, "")
    refused = await call(grpc_channel, "SendTestWebhook", key, webhook_id=webhook_id)
    assert (refused.taken, refused.status_code, refused.error) == (False, 503, "HTTP_503")
    assert refused.answer == "said 503"
    for (headers, body), told in zip(receiver.received, (taken, refused), strict=True):
        assert headers["webhook-id"] == told.message_id
        verified = Verifier(made.secret).verify(body, headers)
        assert (verified["type"], verified["data"]["webhook_id"]) == ("TEST", webhook_id)
    shown = (await call(grpc_channel, "GetWebhook", key, webhook_id=webhook_id)).webhook
    assert shown == made.webhook
    logged = await call(grpc_channel, "ListWebhookDeliveries", key, webhook_id=webhook_id)
    assert not logged.deliveries


async def test_a_test_event_tells_when_there_is_no_answer(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "silent")).key
    hook = Webhook(url="https://hooks.outdial.invalid/")
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook)
    told = await call(grpc_channel, "SendTestWebhook", key, webhook_id=made.webhook.webhook_id)
    assert (told.taken, told.status_code, told.error) == (False, 0, "CANNOT_CONNECT")


def ultravox_digest(secret: str, headers: dict[str, str], body: bytes) -> tuple[str, list[str]]:
    signed = body + headers["X-Ultravox-Webhook-Timestamp"].encode()
    return signature(secret, signed), headers["X-Ultravox-Webhook-Signature"].split(",")


def speechify_digest(secret: str, headers: dict[str, str], body: bytes) -> tuple[str, list[str]]:
    seconds, digest = headers["Speechify-Signature"].split(",")
    signed = seconds.removeprefix("t=").encode() + b"." + body
    return signature(secret, signed), [digest.removeprefix("v0=")]


def truedy_digest(secret: str, headers: dict[str, str], body: bytes) -> tuple[str, list[str]]:
    signed = headers["X-Truedy-Timestamp"].encode() + b"." + body
    return signature(secret, signed), [headers["X-Truedy-Signature"]]


def signature(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, sha256).hexdigest()


@pytest.mark.parametrize(
    ("form", "digest", "events"),
    [
        (WEBHOOK_FORMAT_SPEECHIFY, speechify_digest, {"conversation.completed": PEOPLE}),
        (WEBHOOK_FORMAT_TRUEDY, truedy_digest, {"call.started": PEOPLE}),
    ],
)
async def test_other_formats_are_posted_as_their_receivers_verify_them(
    grpc_channel: grpc.aio.Channel,
    receiver: Receiver,
    form: WebhookFormat.ValueType,
    digest: Callable[[str, dict[str, str], bytes], tuple[str, list[str]]],
    events: dict[str, int],
) -> None:
    key = (await new_tenant(grpc_channel, f"format {form}")).key
    hook = Webhook(url=receiver.url, format=form)
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook, secret="my secret")
    assert made.secret == "my secret"
    assert made.webhook.format == form
    await dial(grpc_channel, key)
    async with asyncio.timeout(30):
        await receiver.has_ended.wait()
    told = Counter(orjson.loads(body)["event"] for _, body in receiver.received)
    assert {name: told[name] for name in events} == events
    for headers, body in receiver.received:
        computed, sent = digest("my secret", headers, body)
        assert computed in sent


def ultravox_of(receiver: Receiver) -> list[tuple[dict[str, str], bytes]]:
    return [one for one in receiver.received if "X-Ultravox-Webhook-Signature" in one[0]]


async def test_ultravox_receivers_verify_with_either_secret_of_a_rotation(
    grpc_channel: grpc.aio.Channel, receiver: Receiver
) -> None:
    key = (await new_tenant(grpc_channel, "ultravox")).key
    hook = Webhook(url=receiver.url, format=WEBHOOK_FORMAT_ULTRAVOX)
    told = Webhook(url=receiver.url, event_types=[EVENT_TYPE_BATCH_ENDED])
    made = await call(grpc_channel, "CreateWebhook", key, webhook=hook, secret="one")
    webhook_id = made.webhook.webhook_id
    rotated = await call(
        grpc_channel, "RotateWebhookSecret", key, webhook_id=webhook_id, secret="two"
    )
    assert rotated.secret == "two"
    tested = await call(grpc_channel, "SendTestWebhook", key, webhook_id=webhook_id)
    assert tested.taken
    await call(grpc_channel, "CreateWebhook", key, webhook=told)
    await dial(grpc_channel, key)
    async with asyncio.timeout(30):
        await receiver.has_ended.wait()
        while (
            len(
                theirs := [
                    one for one in receiver.received if "X-Ultravox-Webhook-Signature" in one[0]
                ]
            )
            <= 2 * PEOPLE
        ):
            await receiver.has_more.wait()
            receiver.has_more.clear()
    for headers, body in theirs:
        for secret in ("one", "two"):
            computed, sent = ultravox_digest(secret, headers, body)
            assert computed in sent
        assert len(sent) == 2
    events = Counter(orjson.loads(body)["event"] for _, body in theirs)
    assert events["call.started"] == PEOPLE
