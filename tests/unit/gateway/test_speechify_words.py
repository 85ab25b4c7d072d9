"""Speechify's words for what the contract says."""

import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
from google.rpc import code_pb2
from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.call_pb2 import CallState
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState
from starlette.types import Message, Receive, Scope, Send

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.door import RATE_LIMITED
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.speechify.app import DIALECT
from outdial_server.gateway.speechify.csv_upload import in_file
from outdial_server.gateway.speechify.errors import VOICE
from outdial_server.gateway.speechify.request_ids import RequestIds
from outdial_server.gateway.speechify.statuses import (
    batch_status,
    conversation_status,
    recipient_error,
    recipient_status,
)
from support.clock import ManualClock

BATCH_WORDS = {"pending", "running", "completed", "failed", "cancelled"}
RECIPIENT_WORDS = {"pending", "dialing", "completed", "failed"}


def test_every_state_has_a_word_in_both_generations() -> None:
    for state in BatchState.values()[1:]:
        batch = Batch(state=state)
        batch.counts.dialing = 1
        assert batch_status(batch, is_first=False) in BATCH_WORDS
        assert batch_status(batch, is_first=True) in BATCH_WORDS | {"scheduled"}
    for state in ScheduledCallState.values()[1:]:
        row = ScheduledCall(state=state)
        assert recipient_status(row, is_first=False) in RECIPIENT_WORDS | {"cancelled"}
        assert recipient_status(row, is_first=True) in RECIPIENT_WORDS
    for state in CallState.values()[1:]:
        assert conversation_status(state) in {"pending", "active", "completed"}


@pytest.mark.parametrize(
    "state",
    [BatchState.BATCH_STATE_RUNNING, BatchState.BATCH_STATE_PAUSED],
)
def test_a_batch_is_pending_until_somebody_is_dialled(state: Any) -> None:
    batch = Batch(state=state)
    batch.counts.waiting = 2
    assert batch_status(batch, is_first=False) == "pending"
    batch.counts.dispatch_accepted = 1
    assert batch_status(batch, is_first=False) == "running"


def test_whoever_has_failed_is_told_why() -> None:
    for state in ScheduledCallState.values()[1:]:
        for disposition in Disposition.values():
            row = ScheduledCall(state=state, disposition=disposition, state_reason="RULE")
            has_failed = recipient_status(row, is_first=False) == "failed"
            assert bool(recipient_error(row)) == has_failed


async def answered(refusal: Refusal, **headers: str) -> tuple[int, dict[str, str], Any]:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await VOICE.refused(refusal)(scope, receive, send)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    said = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": said}
    await RequestIds(refuse, UuidV7Ids(ManualClock()))(scope, receive, send)
    start, body = sent
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], told, orjson.loads(body["body"])


@pytest.mark.parametrize(
    ("code", "reason", "status", "told"),
    [
        (code_pb2.NOT_FOUND, "CALL_NOT_FOUND", 404, "conversation_not_found"),
        (code_pb2.NOT_FOUND, "WEBHOOK_NOT_FOUND", 404, "not_found"),
        (code_pb2.PERMISSION_DENIED, "SCOPE_MISSING", 403, "insufficient_scope"),
        (code_pb2.FAILED_PRECONDITION, "ADDRESS_SUPPRESSED", 403, "destination_not_allowed"),
        (code_pb2.FAILED_PRECONDITION, "AGENT_INACTIVE", 409, "conflict"),
        (code_pb2.ALREADY_EXISTS, "REQUEST_ID_REUSED", 409, "idempotency_conflict"),
        (code_pb2.RESOURCE_EXHAUSTED, "NO_FREE_SLOT", 429, "concurrency_limit_reached"),
        (code_pb2.UNAVAILABLE, "CARRIER_UNAVAILABLE", 502, "upstream_failure"),
        (code_pb2.UNAVAILABLE, "SERVER_DRAINING", 503, "service_unavailable"),
        (code_pb2.INTERNAL, "INTERNAL", 500, "internal_error"),
    ],
)
async def test_what_is_refused_has_a_status_and_a_code(
    code: int, reason: str, status: int, told: str
) -> None:
    found, _, body = await answered(Refusal(code, reason, "no"))
    assert (found, body["error"]["code"]) == (status, told)
    assert reason == "REQUEST_ID_REUSED" or body["error"]["message"] == "no"


async def test_messages_name_nothing_that_is_unknown_here() -> None:
    reused = Refusal(code_pb2.ALREADY_EXISTS, "REQUEST_ID_REUSED", "this request_id was used")
    _, _, body = await answered(reused)
    assert "Idempotency-Key" in body["error"]["message"]
    assert "request_id" not in body["error"]["message"]
    fault = FieldViolation("page_token", "was not given by this list")
    invalid = Refusal(
        code_pb2.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token: was not given", (fault,)
    )
    _, _, body = await answered(invalid)
    assert body["error"]["fields"] == {"cursor": "was not given by this list"}
    assert "page_token" not in body["error"]["message"]


async def test_whoever_asks_too_often_is_told_when_to_come_again() -> None:
    limit, now = DIALECT.limits().of_account, ManualClock().now()
    assert limit is not None
    assert [limit.count("account", now) for _ in range(60)] == [None] * 60
    excess = limit.count("account", now)
    assert excess is not None
    assert excess.room_at - now == timedelta(seconds=1 / 20)
    status, headers, body = await answered(
        Refusal(
            code_pb2.RESOURCE_EXHAUSTED,
            RATE_LIMITED,
            "too many requests",
            metadata={"limit": str(excess.limit), "room_at": excess.room_at.isoformat()},
            retry_after_seconds=1,
        )
    )
    assert (status, body["error"]["code"]) == (429, "rate_limited")
    assert (headers["retry-after"], headers["ratelimit-limit"]) == ("1", "60")
    assert (headers["ratelimit-remaining"], headers["ratelimit-reset"]) == ("0", "1")


async def test_a_request_has_the_id_that_its_sender_gave_it_cleaned_and_cut() -> None:
    refusal = Refusal(code_pb2.NOT_FOUND, "BATCH_NOT_FOUND", "no")
    _, headers, body = await answered(refusal, **{"x-request-id": "a b\r\nc" + "d" * 200})
    assert body["request_id"] == "abc" + "d" * 125
    assert {headers["x-request-id"], headers["speechify-request-id"]} == {body["request_id"]}
    _, headers, body = await answered(refusal)
    assert re.fullmatch(r"[0-9a-f-]{36}", body["request_id"])
    assert headers["x-request-id"] == body["request_id"]


def test_faults_of_rows_are_those_of_lines() -> None:
    faults = [
        ("scheduled_calls[1].address", "csv_file[row 5].phone"),
        ("scheduled_calls[0].template_context.city", "csv_file[row 2].city"),
        ("scheduled_calls[0]", "csv_file[row 2]"),
        ("batch.display_name", "batch.display_name"),
    ]
    refusal = Refusal(3, "INVALID_FIELD", "", tuple(FieldViolation(a, "no") for a, _ in faults))
    assert [one.field for one in in_file(refusal, [2, 5]).fields] == [b for _, b in faults]
