"""The door of a surface, in front of an application that says what came through."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from outdial.v1.server_info_service_pb2 import GetServerInfoRequest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.commands.keys import Authenticate, hash_secret
from outdial_server.domain.account import ApiKey, Scope
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.limits import REQUEST_MAX_BYTES
from outdial_server.gateway.asking import Caller, RpcTable
from outdial_server.gateway.dialect import (
    Dialect,
    behind_door,
    build_api,
    caller,
    surroundings,
)
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.door import Limits
from outdial_server.gateway.rate_limits import ClockMinute, RateLimit
from outdial_server.gateway.refusal import Refusal
from support.clock import START, ManualClock

SECRET = "prefix12.secret"
MEGABYTE = b"x" * 1024 * 1024


class Keys:
    """One key."""

    async def find_key(self, key_hash: bytes) -> ApiKey | None:
        if key_hash != hash_secret(SECRET):
            return None
        return ApiKey(
            ApiKeyId("key"),
            AccountId("account"),
            "",
            "prefix12",
            frozenset({Scope.READ}),
            None,
            START,
            None,
        )


class PlainVoice:
    def refused(self, refusal: Refusal) -> Response:
        said = {"reason": refusal.reason, "after": refusal.retry_after_seconds}
        fields = [fault.field for fault in refusal.fields]
        if fields:
            return JSONResponse({"fields": fields}, 400)
        return JSONResponse({**said, **refusal.metadata}, 401 if refusal.code == 16 else 429)

    def invalid(self, error: RequestValidationError) -> Response:
        return JSONResponse({"invalid": len(error.errors())}, 400)

    def failed(self, status: int, detail: str) -> Response:
        return JSONResponse({"detail": detail}, status)


DIALECT = Dialect(
    title="Plain",
    version="1",
    description="",
    voice=PlainVoice(),
    secret_of=lambda request: request.headers.get("x-key", ""),
    limits=lambda: Limits(of_account=RateLimit(lambda: ClockMinute(2))),
    open_paths=frozenset({"/plain/open"}),
)


class Said(BaseModel):
    name: str


def plain_api() -> FastAPI:
    api = build_api(DIALECT)

    @api.post("/plain/length")
    async def length(request: Request) -> dict[str, int]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return {"length": size}

    @api.post("/plain/name")
    async def name(said: Said) -> Said:
        return said

    @api.get("/plain/asked")
    async def asked(asks: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        await asks.ask(GetServerInfoRequest(), GetServerInfoRequest)
        return {}

    @api.get("/plain/misread")
    async def misread(stands_on: Annotated[Surroundings, Depends(surroundings)]) -> dict[str, Any]:
        raise invalid_field(f"field_{len(stands_on.ids.new_secret(8))}", "is wrong")

    @api.get("/plain/open")
    async def is_open() -> dict[str, bool]:
        return {"open": True}

    return api


@dataclass
class Plain:
    http: httpx.AsyncClient
    clock: ManualClock


def plain(*, has_vendor_limits: bool = False) -> Plain:
    clock = ManualClock()
    keys: Any = Keys()
    unasked: Any = None
    stands_on = Surroundings(
        RpcTable(()),
        Authenticate(keys, clock),
        clock,
        UuidV7Ids(clock),
        unasked,
        has_vendor_limits=has_vendor_limits,
    )
    transport = httpx.ASGITransport(
        behind_door(plain_api(), DIALECT, stands_on), raise_app_exceptions=False
    )
    return Plain(httpx.AsyncClient(transport=transport, base_url="http://plain"), clock)


@pytest.mark.parametrize(
    "says",
    [{}, {"content-type": "application/x-www-form-urlencoded"}, {"content-type": "text/csv"}],
)
async def test_a_body_is_json_whatever_its_type_says(says: dict[str, str]) -> None:
    headers = {"x-key": SECRET, **says}
    answer = await plain().http.post("/plain/name", content=b'{"name": "Ada"}', headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"name": "Ada"})


@pytest.mark.parametrize(
    ("headers", "reason"), [({}, "API_KEY_MISSING"), ({"x-key": "another"}, "API_KEY_INVALID")]
)
async def test_nobody_comes_in_without_a_key_that_works(
    headers: dict[str, str], reason: str
) -> None:
    answer = await plain().http.post("/plain/name", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (401, reason)


async def test_what_would_be_parsed_at_once_has_a_bound_of_its_own() -> None:
    http = plain().http
    for size, status in ((1024 * 1024, 200), (1024 * 1024 + 1, 413)):
        body = b'{"name":"' + b"x" * (size - 11) + b'"}'
        headers = {"x-key": SECRET, "content-type": "application/json"}
        answer = await http.post("/plain/name", content=body, headers=headers)
        assert answer.status_code == status


async def test_some_paths_are_open_to_all() -> None:
    assert (await plain().http.get("/plain/open")).json() == {"open": True}


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [("GET", "/plain/nowhere", 404), ("PUT", "/plain/name", 405), ("GET", "/plain/asked", 500)],
)
async def test_every_failure_is_said_by_the_surface(verb: str, path: str, status: int) -> None:
    answer = await plain().http.request(verb, path, headers={"x-key": SECRET})
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    if status == 405:
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"name": 1}', b'{"name": "\\ud800"}'])
async def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    headers = {"x-key": SECRET, "content-type": "application/json"}
    answer = await plain().http.post("/plain/name", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"invalid": 1})


async def test_what_a_route_finds_wrong_is_said_by_the_surface() -> None:
    answer = await plain().http.get("/plain/misread", headers={"x-key": SECRET})
    assert (answer.status_code, answer.json()) == (400, {"fields": ["field_8"]})


async def test_a_body_is_taken_up_to_its_bound() -> None:
    body = b"x" * REQUEST_MAX_BYTES
    answer = await plain().http.post("/plain/length", content=body, headers={"x-key": SECRET})
    assert answer.json() == {"length": REQUEST_MAX_BYTES}


async def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    asked = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal asked
        asked += 1
        yield MEGABYTE

    headers = {"x-key": SECRET, "content-length": str(REQUEST_MAX_BYTES + 1)}
    answer = await plain().http.post("/plain/length", content=body(), headers=headers)
    assert (answer.status_code, asked) == (413, 0)


async def test_a_body_without_a_length_is_read_no_further_than_its_bound() -> None:
    asked = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield MEGABYTE

    answer = await plain().http.post("/plain/length", content=body(), headers={"x-key": SECRET})
    assert answer.status_code == 413
    assert asked <= REQUEST_MAX_BYTES // len(MEGABYTE) + 2


async def test_the_vendor_s_rate_is_kept_where_it_is_asked_for() -> None:
    surface = plain(has_vendor_limits=True)
    headers = {"x-key": SECRET}
    surface.clock.advance(timedelta(seconds=10))
    now = surface.clock.now()
    for _ in range(2):
        assert (await surface.http.get("/plain/nowhere", headers=headers)).status_code == 404
    answer = await surface.http.get("/plain/nowhere", headers=headers)
    room_at = datetime.fromisoformat(answer.json()["room_at"])
    assert (answer.status_code, answer.json()["reason"]) == (429, "RATE_LIMITED")
    assert (answer.json()["after"], room_at - now) == (50, timedelta(seconds=50))
    surface.clock.advance(timedelta(seconds=50))
    assert (await surface.http.get("/plain/nowhere", headers=headers)).status_code == 404


async def test_nobody_is_held_to_it_otherwise() -> None:
    surface = plain()
    for _ in range(5):
        answer = await surface.http.get("/plain/nowhere", headers={"x-key": SECRET})
        assert answer.status_code == 404
