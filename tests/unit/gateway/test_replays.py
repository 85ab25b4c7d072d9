"""Requests that come again with a key, in front of an application that counts them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from outdial_server.commands.repeated_requests import RepeatedRequests
from outdial_server.domain.errors import AlreadyExistsError, Reason
from outdial_server.domain.ids import AccountId
from outdial_server.domain.request import RequestKey, Standing
from outdial_server.gateway.asking import Caller, RpcTable
from outdial_server.gateway.door import let_in
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.replays import ReplayRules, Replays
from support.sealing import SEAL


class Answers:
    """An AnswerStore in memory."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[bytes, str | Standing]] = {}

    async def begin_answer(self, request: RequestKey, lease: timedelta) -> str | Standing:
        place = request.surface, request.request_id
        if place not in self._kept:
            self._kept[place] = request.fingerprint, Standing.UNDER_WAY
            return Standing.NEW
        fingerprint, answer = self._kept[place]
        if fingerprint != request.fingerprint:
            raise AlreadyExistsError(Reason.REQUEST_ID_REUSED, "used before")
        return answer

    async def end_answer(self, request: RequestKey, answer: str, kept: timedelta) -> None:
        self._kept[request.surface, request.request_id] = request.fingerprint, answer

    async def drop_answer(self, request: RequestKey) -> None:
        del self._kept[request.surface, request.request_id]


@dataclass
class Counting:
    """Answers with how often it was asked."""

    status: int = 201
    error: Exception | None = None
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        self.count += 1
        self.begun.set()
        await self.goes_on.wait()
        if self.error is not None:
            raise self.error
        told = {"count": self.count, "length": len(body)}
        await JSONResponse(told, self.status, {"location": "/x"})(scope, receive, send)


def refuse(refusal: Refusal) -> Response:
    return JSONResponse([refusal.reason, [one.field for one in refusal.fields]], 409)


RULES = ReplayRules(
    surface="plain",
    key_of=lambda request: request.headers.get("key", ""),
    key_name="Key",
    refuse=refuse,
    is_kept=lambda status: status < 500,
    mark={"replayed": "true"},
)


def asking(app: Counting, *, waits: bool = False, rules: ReplayRules = RULES) -> httpx.AsyncClient:
    if not waits:
        app.goes_on.set()
    replays = Replays(app, RepeatedRequests(Answers(), SEAL), rules)

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        let_in(scope, Caller(RpcTable(()), "secret", AccountId("account")))
        await replays(scope, receive, send)

    transport = httpx.ASGITransport(inside, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://plain", headers={"key": "k"})


async def test_an_answer_is_given_again_as_it_was() -> None:
    http = asking(Counting())
    first, again = [await http.post("/a", content=b"body") for _ in range(2)]
    assert (first.status_code, first.json()) == (201, {"count": 1, "length": 4})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.headers.get("replayed"), again.headers["replayed"]) == (None, "true")
    assert again.headers["location"] == "/x"


async def test_without_a_key_each_is_carried_out() -> None:
    http = asking(Counting())
    told = [await http.post("/a", headers={"key": ""}) for _ in range(2)]
    assert [answer.json()["count"] for answer in told] == [1, 2]


async def test_each_path_has_keys_of_its_own() -> None:
    http = asking(Counting())
    assert [(await http.post(path)).json()["count"] for path in ("/a", "/b")] == [1, 2]


async def test_another_body_is_refused() -> None:
    http = asking(Counting())
    await http.post("/a", content=b"body")
    assert (await http.post("/a", content=b"other")).json() == ["REQUEST_ID_REUSED", []]


async def test_a_key_has_its_bounds() -> None:
    app = Counting()
    told = await asking(app).post("/a", headers={"key": "k" * 256})
    assert (told.json(), app.count) == (["INVALID_FIELD", ["Key"]], 0)


async def test_a_boundary_is_no_content() -> None:
    http = asking(Counting())
    told = [
        await http.post(
            "/a",
            content=f"--{boundary}\r\nsame\r\n--{boundary}--".encode(),
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
        for boundary in ("one", "another")
    ]
    assert [answer.json()["count"] for answer in told] == [1, 1]


async def test_a_second_one_does_not_wait_for_the_first() -> None:
    app = Counting()
    http = asking(app, waits=True)
    first = asyncio.create_task(http.post("/a"))
    await app.begun.wait()
    assert (await http.post("/a")).json() == ["REQUEST_UNDER_WAY", []]
    app.goes_on.set()
    assert (await first).json()["count"] == 1
    assert (await http.post("/a")).headers["replayed"] == "true"


@pytest.mark.parametrize(
    "fail", [lambda app: setattr(app, "status", 503), lambda app: setattr(app, "error", OSError())]
)
async def test_after_a_fault_of_the_server_the_key_is_free(fail: Callable[[Any], None]) -> None:
    app = Counting()
    http = asking(app)
    fail(app)
    assert (await http.post("/a")).status_code >= 500
    app.status, app.error = 201, None
    # Even for another body.
    answer = await http.post("/a", content=b"other")
    assert (answer.status_code, answer.json()["count"]) == (201, 2)


async def test_what_a_body_comes_to_is_for_the_application_to_say() -> None:
    replays = Replays(Counting(), RepeatedRequests(Answers(), SEAL), RULES)
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/a",
        "headers": [(b"key", b"k")],
        "query_string": b"",
    }

    async def too_long() -> dict[str, Any]:
        raise HTTPException(413)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    with pytest.raises(HTTPException) as raised:
        await replays(scope, too_long, send)
    assert raised.value.status_code == 413


async def test_another_body_under_a_key_is_another_request_where_a_system_has_it_so() -> None:
    http = asking(Counting(), rules=replace(RULES, is_per_body=True))
    bodies = [
        b'{"a": 1, "b": [2]}',
        b'{ "b":[2],"a":1 }',
        b'{"a": 1, "b": [3]}',
        b"no JSON",
        b"no JSON",
        b'{"a": "' + b"x" * 300_000 + b'"}',
    ]
    told = [(await http.post("/a", content=body)).json()["count"] for body in bodies]
    assert told == [1, 1, 2, 3, 3, 4]
