"""The far end of a real carrier's adapter: the simulated switch behind that carrier's own API.

What calls do, and which requests fail, comes from the same profiles as for the simulated
carrier, so one suite holds all adapters. A face says how requests and callbacks look."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from outdial_server.carriers.simulated.deliveries import deliveries
from outdial_server.carriers.simulated.playwright import Playwright
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import CallScript, Fate, Status
from outdial_server.carriers.simulated.switch import PlacedCall, Switch
from outdial_server.ports.carrier import Carrier, RawCallback
from support.carrier_lines import HEARD_WITHIN_SECONDS, Answers, News, WireLine, serve
from support.described import Seen

SEND_AGAIN_SECONDS = 0.01


@dataclass
class Asked:
    """A request to create a call, as the face has read it. `ours` is whatever the carrier
    knows of our call: a callback URL, a client state."""

    to: str
    caller_id: str
    ours: str
    ring_timeout: timedelta
    max_duration: timedelta


@dataclass(eq=False)
class FarCall(PlacedCall):
    caller_id: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    # How often news of it was let go, by carriers that number it.
    told: int = 0


@dataclass(frozen=True)
class Callback:
    """What a face wants posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Face(Protocol):
    """One carrier's API. `far` keeps the calls."""

    far: "FarCarrier"

    def routes(self) -> list[BaseRoute]: ...

    def new_id(self) -> str: ...

    def taken(self, call: FarCall) -> Response: ...

    def refused(self, fate: Fate) -> Response: ...

    def callbacks(self, call: FarCall) -> list[Callback]:
        """News of the call's status as it is now."""
        ...


class FarCarrier:
    def __init__(self, face: Face, profile: SimulationProfile) -> None:
        # Those that create calls, as the face has read them, and all as they came.
        self.requests: list[dict[str, Any]] = []
        self.seen: list[Seen] = []
        # What was answered to callbacks, by URL, where it was more than that they were taken.
        self.told_to_do: dict[str, str] = {}
        self._told = asyncio.Event()
        self._was_asked = asyncio.Event()
        self.profile = profile
        # How often each callback is posted, besides what the profile makes of it.
        self.copies = 1
        # Whoever answers talks for so long, and on until the news of it has been taken: of a call
        # that is over, carriers that listen to it do not say any more what they heard.
        self.told_talk_seconds: float | None = None
        self._face = face
        face.far = self
        self._playwright = Playwright()
        self._switch = Switch(profile, self._on_status)
        self._calls: dict[str, FarCall] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession()

    def app(self) -> Starlette:
        return Starlette(
            routes=self._face.routes(), middleware=[Middleware(_Recorder, see=self._see)]
        )

    async def close(self) -> None:
        self._switch.close()
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._session.close()

    async def has_told(self, url: str) -> None:
        """Until there is an answer to a callback."""
        async with asyncio.timeout(HEARD_WITHIN_SECONDS):
            while url not in self.told_to_do:
                self._told.clear()
                await self._told.wait()

    async def is_asked_about(self, call: FarCall) -> None:
        """Until there is a request that names it."""
        while not any(call.carrier_call_id in one.path for one in self.seen):
            self._was_asked.clear()
            await self._was_asked.wait()

    def _see(self, one: Seen) -> None:
        self.seen.append(one)
        self._was_asked.set()

    @property
    def live_most(self) -> int:
        """Calls that were alive here at once."""
        return self._switch.live_most

    def calls(self) -> list[FarCall]:
        return list(self._calls.values())

    def find(self, carrier_call_id: str) -> FarCall | None:
        return self._calls.get(carrier_call_id)

    def hang_up(self, call: FarCall) -> None:
        self._switch.hang_up(call)

    async def create(self, request: Request, asked: Asked) -> Response:
        script = self._write(asked)
        await asyncio.sleep(script.latency_seconds)
        if not self.profile.answering:
            return await _held(request)
        if self._switch.retry_after_seconds() is not None:
            return self._face.refused(Fate.THROTTLED)
        call = FarCall(self._face.new_id(), asked.ours, asked.to, script)
        call.caller_id = asked.caller_id
        if script.fate.rings:
            self._calls[call.carrier_call_id] = call
            self._switch.place(call)
        return await self._answer(request, call)

    def _write(self, asked: Asked) -> CallScript:
        return self._playwright.write(
            self.profile, asked.ours, asked.to, asked.ring_timeout, asked.max_duration
        )

    async def _answer(self, request: Request, call: FarCall) -> Response:
        match call.script.fate:
            case Fate.TAKEN:
                return self._face.taken(call)
            case Fate.TIMEOUT | Fate.TIMEOUT_PLACED:
                return await _held(request)
            case Fate.RESET | Fate.RESET_PLACED:
                return _BrokenResponse()
            case fate:
                return self._face.refused(fate)

    def _on_status(self, call: PlacedCall) -> None:
        assert isinstance(call, FarCall)
        assert call.status is not None
        after_seconds = deliveries(self.profile, call.call_id, call.status) * self.copies
        tellings = [
            [self._begin(self._send(callback, seconds)) for seconds in after_seconds]
            for callback in self._face.callbacks(call)
        ]
        if self.told_talk_seconds is not None and call.status is Status.ANSWERED:
            self._begin(self._talk(call, self.told_talk_seconds, tellings))

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _talk(
        self, call: FarCall, seconds: float, tellings: list[list[asyncio.Task[None]]]
    ) -> None:
        await asyncio.sleep(seconds)
        for copies in tellings:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        self.hang_up(call)

    async def _send(self, callback: Callback, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        while True:
            post = self._session.post(
                callback.url, data=callback.body, headers=dict(callback.headers)
            )
            async with post as answer:
                if answer.status == HTTPStatus.OK:
                    self.told_to_do[callback.url] = await answer.text()
                    self._told.set()
                if answer.status < 300:
                    return
            await asyncio.sleep(SEND_AGAIN_SECONDS)


@dataclass
class FarLine(WireLine):
    """An adapter, its far end, and the news that came back over the wire."""

    far: FarCarrier
    url: str
    callbacks: list[RawCallback]

    @override
    async def placed(self) -> int:
        return len(self.far.calls())


@asynccontextmanager
async def far_line(
    face: Face, profile: SimulationProfile, adapter: Callable[[str, str], Carrier]
) -> AsyncIterator[FarLine]:
    """`adapter` is made from the far end's URL and the URL for its callbacks."""
    async with AsyncExitStack() as stack:
        news, raw = News(), list[RawCallback]()
        made: list[Carrier] = []

        async def receive(request: Request) -> Response:
            callback = RawCallback(
                made[0].name,
                request.path_params.get("rest", ""),
                request.url.query,
                {name.lower(): value for name, value in request.headers.items()},
                await request.body(),
            )
            raw.append(callback)
            if not made[0].verify_callback(callback):
                return Response(status_code=403)
            for report in made[0].parse_callback(callback):
                news.put(report)
            to_do = made[0].answer_callback(callback)
            if to_do is None:
                return Response(status_code=204)
            return Response(to_do.body, media_type=to_do.content_type)

        routes = [
            Route("/callbacks", receive, methods=["POST"]),
            Route("/callbacks/{rest:path}", receive, methods=["POST"]),
        ]
        receiving = await serve(Starlette(routes=routes), stack)
        far, answers = FarCarrier(face, profile), Answers()
        url = await serve(answers.of(far.app()), stack)
        stack.push_async_callback(far.close)
        carrier = adapter(url, f"{receiving}/callbacks")
        stack.push_async_callback(carrier.close)
        made.append(carrier)
        yield FarLine(carrier, news, answers, far, url, raw)


async def _held(request: Request) -> Response:
    """Answers nothing while the caller waits."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response(status_code=499)


class _Recorder:
    """Writes down each request as it came."""

    def __init__(self, app: ASGIApp, see: Callable[[Seen], None]) -> None:
        self._app = app
        self._see = see

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        self._see(Seen(scope["method"], scope["path"], query, headers, body))

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)


class _BrokenResponse(Response):
    """Promises ten bytes and sends none."""

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
