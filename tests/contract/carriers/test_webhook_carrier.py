"""The webhook of a batch in the place of a carrier: what each way to answer comes to, that it is
asked once, and what it is told. Over real sockets."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from structlog.testing import capture_logs

from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallTexts, CallTimes
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import AccountId, BatchId, CallId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.report import Fault
from outdial_server.domain.told_call import ToldCall
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    DialRequest,
    DialResult,
    NobodyToAsk,
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)
from outdial_server.webhooks.webhook_carrier import WebhookCarrier
from support.call_receiver import CallReceiver, call_receiver, never, with_status
from support.clock import START, ManualClock
from support.domain import a_shown_call
from support.raw_server import RawServer, reset_behind_a_request
from support.sealing import SEAL

BATCH, CALL = BatchId("a batch"), CallId("a call")
SECRET = "s3cr3t-s3cr3t-s3cr3t"
REST = timedelta(seconds=30)
LOOPBACK = AddressGuard(parse_networks(["127.0.0.1"]))


class OneCall:
    """A ToldCallReader."""

    def __init__(self, told: ToldCall | None) -> None:
        self.told = told
        self.is_away = False

    async def told_call(self, call_id: CallId) -> ToldCall | None:
        if self.is_away:
            raise UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
        return self.told


def a_told_call() -> ToldCall:
    texts = CallTexts("Be kind.", "Hello, Ada.", "https://media.example/a-call")
    call = a_shown_call(call_id=CALL, batch_id=BATCH, carrier="webhook", texts=texts)
    times = CallTimes(timedelta(seconds=30), timedelta(hours=1))
    return ToldCall(call, START, "Ada", times, {"crmId": "c-1"}, "patient 7")


def webhook_at(url: str, *secrets: str) -> BatchWebhook:
    current, *before = [SEAL.seal(secret, BATCH) for secret in secrets or (SECRET,)]
    if not before:
        return BatchWebhook(url, SealedSecrets(current))
    return BatchWebhook(url, SealedSecrets(current, before[0], START + timedelta(hours=1)))


def request_to(webhook: BatchWebhook | None) -> DialRequest:
    return DialRequest(
        CALL,
        AccountId("an account"),
        BATCH,
        "+15551230001",
        "",
        timedelta(seconds=30),
        timedelta(hours=1),
        webhook=webhook,
    )


@asynccontextmanager
async def carrier(
    calls: OneCall | None = None,
    guard: AddressGuard = LOOPBACK,
    deadline: timedelta = timedelta(seconds=5),
) -> AsyncIterator[WebhookCarrier]:
    opened = WebhookCarrier(
        calls or OneCall(a_told_call()), SEAL, ManualClock(), guard, REST, deadline
    )
    try:
        yield opened
    finally:
        await opened.close()


async def asked(receiver: CallReceiver, **options: timedelta) -> DialResult:
    async with carrier(**options) as opened:  # type: ignore[arg-type]
        return await opened.place_call(request_to(webhook_at(receiver.url)))


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_a_request_that_is_taken_is_accepted(status: int) -> None:
    async with call_receiver(with_status(status)) as receiver:
        assert await asked(receiver) == Accepted(CALL)
        assert len(receiver.asked) == 1


@pytest.mark.parametrize("status", [302, 308, 400, 401, 404, 408, 410, 429, 500, 502, 503])
async def test_any_other_answer_ends_the_call_and_lets_the_batch_rest(status: int) -> None:
    async with call_receiver(with_status(status)) as receiver:
        refused = Refused(f"WEBHOOK_HTTP_{status}", Fault.CALL, batch_rests=REST)
        assert await asked(receiver) == refused
        assert len(receiver.asked) == 1, "redirects are not followed, and nothing is tried again"


async def test_an_endpoint_that_is_not_there_has_not_been_asked() -> None:
    async with call_receiver() as receiver:
        pass
    refused = Refused("WEBHOOK_CANNOT_CONNECT", Fault.CALL, batch_rests=REST)
    assert await asked(receiver) == refused


async def test_an_answer_that_does_not_come_is_not_waited_for_and_the_call_is_unknown() -> None:
    async with call_receiver(never) as receiver:
        result = await asked(receiver, deadline=timedelta(milliseconds=200))
        assert result == Unclear("WEBHOOK_TIMEOUT", REST)
        assert len(receiver.asked) == 1


async def test_a_connection_that_breaks_off_behind_the_request_leaves_the_call_unknown() -> None:
    async with RawServer(reset_behind_a_request).listening() as server, carrier() as opened:
        request = request_to(webhook_at(server.url))
        assert await opened.place_call(request) == Unclear("WEBHOOK_CONNECTION_LOST", REST)
    assert server.requests == 1


async def test_an_address_that_is_not_public_is_not_connected_to() -> None:
    async with call_receiver() as receiver, carrier(guard=AddressGuard()) as opened:
        result = await opened.place_call(request_to(webhook_at(receiver.url)))
        assert result == Refused("WEBHOOK_ADDRESS_NOT_ALLOWED", Fault.CALL, batch_rests=REST)
        assert receiver.asked == []


async def test_it_is_told_the_call_as_documented_and_whom_to_call() -> None:
    async with call_receiver() as receiver:
        await asked(receiver)
        (told,) = receiver.told
    assert told["event"] == "call.started"
    call = told["call"]
    assert (call["callId"], call["joinUrl"]) == (CALL, "https://media.example/a-call")
    assert (call["metadata"], call["joined"], call["ended"]) == ({"crmId": "c-1"}, None, None)
    assert (call["joinTimeout"], call["maxDuration"], call["medium"]) == ("30s", "3600s", None)
    assert told["outdial"]["address"] == a_told_call().call.address
    assert told["outdial"]["customId"] == "patient 7"


async def test_requests_are_signed_with_each_secret_that_stands() -> None:
    async with call_receiver() as receiver, carrier() as opened:
        await opened.place_call(request_to(webhook_at(receiver.url, "new", "old")))
        ((headers, body),) = receiver.asked
    content = body + headers["X-Ultravox-Webhook-Timestamp"].encode()
    expected = [hmac.new(key, content, sha256).hexdigest() for key in (b"new", b"old")]
    assert headers["X-Ultravox-Webhook-Signature"] == ",".join(expected)


async def test_without_what_a_request_needs_none_is_sent() -> None:
    async with call_receiver() as receiver:
        webhook = webhook_at(receiver.url)
        strange = replace(webhook, secrets=SealedSecrets(SEAL.seal(SECRET, "another batch")))
        away = OneCall(None)
        away.is_away = True
        async with carrier() as opened:
            nothing = await opened.place_call(request_to(None))
            assert nothing == Refused("BATCH_HAS_NO_WEBHOOK", Fault.CONFIGURATION)
            with capture_logs() as logs:
                unread = await opened.place_call(request_to(strange))
            assert unread == Refused("WEBHOOK_SECRET_UNREADABLE", Fault.CONFIGURATION)
            assert [log["event"] for log in logs] == ["batch_webhook.secret_unreadable"]
            assert SECRET not in str(logs)
        async with carrier(OneCall(None)) as opened:
            erased = await opened.place_call(request_to(webhook))
            assert erased == Refused("CALL_ERASED", Fault.CALL)
        async with carrier(away) as opened:
            assert await opened.place_call(request_to(webhook)) == NotSent("CALL_UNREAD")
        assert receiver.asked == []


async def test_there_is_nobody_to_ask_afterwards() -> None:
    query = CallQuery(CALL, CALL, "+15551230001")
    callback = RawCallback("webhook", "", "", {}, b"{}")
    async with carrier() as opened:
        assert await opened.look_up(query) == NobodyToAsk()
        assert not await opened.hang_up(query)
        assert await opened.check_account() is None
        assert not opened.verify_callback(callback)
        assert opened.parse_callback(callback) == ()
        assert opened.answer_callback(callback) is None
