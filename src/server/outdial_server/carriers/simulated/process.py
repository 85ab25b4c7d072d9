"""The simulated carrier as an HTTP service.

- `POST /calls` {call_id, to, from, ring_timeout_seconds, max_duration_seconds, callback_url,
  join_url}
- `GET /calls/{carrier_call_id}`, `GET /calls?call_id=OURS`
- `POST /calls/{carrier_call_id}/hangup`, `?unless_answered` to spare a call that was answered
- `GET /stats`, `POST /admin/profile` {setting: value}: calls placed from then on follow it

It dedupes nothing: a call that is placed twice rings twice, and shows in its log.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from itertools import dropwhile, islice
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from outdial_server.carriers.simulated.callback_sender import CallbackSender, News
from outdial_server.carriers.simulated.deliveries import deliveries
from outdial_server.carriers.simulated.playwright import Playwright
from outdial_server.carriers.simulated.profile import (
    ProfileError,
    SimulationProfile,
    with_json,
)
from outdial_server.carriers.simulated.ring_log import RingLog, micros_of
from outdial_server.carriers.simulated.script import CallScript, Fate
from outdial_server.carriers.simulated.switch import PlacedCall, Switch
from outdial_server.outgoing.target import checked_url
from outdial_server.ports.clock import Clock

NEVER_SECONDS: Final = 3600.0
"""How long a request that gets no answer is held, unless its caller leaves before."""

ENDED_KEPT: Final = 200_000
"""Ended calls that can still be looked up: some 200 MB. A judge forgets late."""


LISTED_MOST: Final = 1000
"""Calls in one page."""

DAY_SECONDS: Final = 86_400


class CreateCall(BaseModel):
    """The body of `POST /calls`."""

    call_id: str = Field(min_length=1)
    to: str = Field(min_length=1)
    from_: str = Field(default="", alias="from")
    ring_timeout_seconds: float = Field(gt=0, le=DAY_SECONDS)
    max_duration_seconds: float = Field(gt=0, le=DAY_SECONDS)
    callback_url: Annotated[str, AfterValidator(checked_url)]
    # Taken as a carrier would; there is no audio to connect.
    join_url: str = ""


class CarrierService:
    """One carrier account, its switch, its log and its callbacks."""

    def __init__(
        self,
        profile: SimulationProfile,
        log: RingLog,
        callbacks: CallbackSender,
        new_id: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._log = log
        self._callbacks = callbacks
        self._new_id = new_id
        self._switch = Switch(profile, self._on_status, ended_kept=ENDED_KEPT)
        self._answering = asyncio.Event()
        self._use(profile)
        self._playwright = Playwright()
        self._by_call: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()

    def app(self) -> ASGIApp:
        rest = Starlette(
            routes=[
                Route("/calls", self._find, methods=["GET"]),
                Route("/calls/{id}", self._get, methods=["GET"]),
                Route("/calls/{id}/hangup", self._hang_up, methods=["POST"]),
                Route("/stats", self._stats, methods=["GET"]),
                Route("/admin/profile", self._change_profile, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _http_error},
        )

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            # One for each call: what stands around the routes would cost as much as the call.
            if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/calls"):
                response = await self._create(Request(scope, receive))
                await response(scope, receive, send)
            else:
                await rest(scope, receive, send)

        return serve

    def close(self) -> None:
        """Every call is forgotten, and nobody is told."""
        self._switch.close()

    async def _create(self, request: Request) -> Response:
        try:
            asked = CreateCall.model_validate_json(await request.body())
        except ValidationError as error:
            return _error(400, "bad_request", str(error))
        self._log.write("requested", asked.call_id, "", asked.to, self._switch.live)
        script = self._script(asked)
        await asyncio.sleep(script.latency_seconds)
        await self._answering.wait()
        wait = self._switch.retry_after_seconds()
        if wait is not None:
            return _throttled(wait)
        carrier_call_id = f"SIM{self._new_id()}"
        call = PlacedCall(carrier_call_id, asked.call_id, asked.to, script, asked.callback_url)
        call.placed_us = micros_of(self._clock.now())
        if script.fate.rings:
            self._place(call)
        return await self._answer(request, call)

    def _script(self, asked: CreateCall) -> CallScript:
        return self._playwright.write(
            self._switch.profile,
            asked.call_id,
            asked.to,
            timedelta(seconds=asked.ring_timeout_seconds),
            timedelta(seconds=asked.max_duration_seconds),
        )

    def _place(self, call: PlacedCall) -> None:
        self._by_call[call.call_id] += 1
        self._by_address[call.to] += 1
        self._switch.place(call)
        self._write("placed", call)

    async def _answer(self, request: Request, call: PlacedCall) -> Response:
        match call.script.fate:
            case Fate.TAKEN:
                return _shown(call, HTTPStatus.CREATED)
            case Fate.INVALID_NUMBER:
                return _error(422, "invalid_number", "the number cannot be reached")
            case Fate.UNAUTHORIZED:
                return _error(401, "unauthorized", "the credentials are not valid")
            case Fate.THROTTLED:
                return _throttled(1)
            case Fate.ERROR | Fate.ERROR_PLACED:
                return _error(500, "internal", "something went wrong")
            case Fate.TIMEOUT | Fate.TIMEOUT_PLACED:
                await _until_gone(request)
                return Response(status_code=499)
            case Fate.RESET | Fate.RESET_PLACED:
                return _BrokenResponse()

    async def _find(self, request: Request) -> Response:
        if "since_us" in request.query_params:
            return self._list(request.query_params)
        return _found(self._switch.find_ours(request.query_params.get("call_id", "")))

    def _list(self, asked: QueryParams) -> Response:
        """A page of the calls that were placed between two moments, behind the call `after`."""
        calls = self._switch.calls()
        try:
            since_us, until_us = int(asked["since_us"]), int(asked["until_us"])
        except (KeyError, ValueError):
            return _error(400, "bad_request", "since_us and until_us: must be microseconds")
        if "after" in asked:
            calls = islice(dropwhile(lambda c: c.carrier_call_id != asked["after"], calls), 1, None)
        page = islice(
            (call for call in calls if since_us <= call.placed_us <= until_us), LISTED_MOST
        )
        body = b'{"calls":[%b]}' % b",".join(_as_json(call) for call in page)
        return Response(body, media_type="application/json")

    async def _get(self, request: Request) -> Response:
        return _found(self._switch.find(request.path_params["id"]))

    async def _hang_up(self, request: Request) -> Response:
        call = self._switch.find(request.path_params["id"])
        spared = "unless_answered" in request.query_params and call is not None and call.answered
        if call is not None and not spared:
            self._switch.hang_up(call)
        return _found(call)

    async def _stats(self, request: Request) -> Response:
        return JSONResponse(
            {
                "live": self._switch.live,
                "live_most": self._switch.live_most,
                "placed": self._switch.placed,
                "calls_placed_twice": sum(1 for n in self._by_call.values() if n > 1),
                "addresses_placed_twice": sum(1 for n in self._by_address.values() if n > 1),
            }
        )

    async def _change_profile(self, request: Request) -> Response:
        try:
            self._use(with_json(self._switch.profile, await request.body()))
        except ProfileError as error:
            return _error(400, "bad_profile", str(error))
        return Response(status_code=204)

    def _use(self, profile: SimulationProfile) -> None:
        self._switch.change_profile(profile)
        self._callbacks.news_per_callback = profile.news_per_callback
        if profile.answering:
            self._answering.set()
        else:
            self._answering.clear()

    def _on_status(self, call: PlacedCall) -> None:
        assert call.status is not None  # noqa: S101 a status was just taken
        self._write(call.status.value, call)
        news = News(call.callback_url, _as_json(call))
        for seconds in deliveries(self._switch.profile, call.call_id, call.status):
            self._callbacks.send(news, seconds)

    def _write(self, event: str, call: PlacedCall) -> None:
        self._log.write(event, call.call_id, call.carrier_call_id, call.to, self._switch.live)


def _as_json(call: PlacedCall) -> bytes:
    status = "queued" if call.status is None else call.status.value
    return orjson.dumps(
        {
            "id": call.carrier_call_id,
            "call_id": call.call_id,
            "to": call.to,
            "status": status,
            "disposition": call.disposition.name.lower() if call.disposition else None,
            "rang": call.rang,
        }
    )


def _found(call: PlacedCall | None) -> Response:
    if call is None:
        return _error(404, "not_found", "there is no such call")
    return _shown(call, HTTPStatus.OK)


def _shown(call: PlacedCall, status: HTTPStatus) -> Response:
    return Response(_as_json(call), status, media_type="application/json")


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


def _throttled(wait_seconds: float) -> Response:
    response = _error(429, "too_many_calls", "above a limit; nothing was placed")
    response.headers["retry-after"] = str(max(1, round(wait_seconds)))
    return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 what it is registered for
    return _error(error.status_code, "http_error", error.detail)


async def _until_gone(request: Request) -> None:
    """Answers nothing while the caller waits."""
    async with asyncio.timeout(NEVER_SECONDS):
        while (await request.receive())["type"] != "http.disconnect":
            pass


class _BrokenResponse(Response):
    """Promises ten bytes and sends none: the connection ends in the middle of an answer."""

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
