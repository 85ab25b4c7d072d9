"""Carriers with what hears their news; the simulated one in both forms."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.carriers.simulated.callback_sender import CallbackSender
from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.carriers.simulated.local import LocalSimulatedCarrier
from outdial_server.carriers.simulated.process import CarrierService
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.ring_log import FileRingLog
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.gateway.server import HttpServer
from outdial_server.ports.carrier import Carrier, RawCallback

SECRET = "a-secret-of-the-carrier"
HEARD_WITHIN_SECONDS = 60
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class News:
    """Reports as they come, and a bell for whoever waits for one. A ReportSink."""

    reports: list[CallReport] = field(default_factory=list)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, report: CallReport) -> None:
        self.reports.append(report)
        self._bell.set()

    def kinds(self, call_id: str) -> list[ReportKind]:
        return [report.kind for report in self.reports if report.call_id == call_id]

    async def wait_for(self, call_id: str, kind: ReportKind, count: int = 1) -> CallReport:
        """The newest of `count` reports of this kind."""
        await self.wait_until(lambda: self.kinds(call_id).count(kind) >= count)
        found = [r for r in self.reports if r.call_id == call_id and r.kind is kind]
        return found[count - 1]

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(HEARD_WITHIN_SECONDS):
            while not condition():
                self._bell.clear()
                await self._bell.wait()


@dataclass
class Line:
    """A carrier, and the news of its calls."""

    carrier: Carrier
    news: News

    async def placed(self) -> int:
        """How many calls there were at the far end, whatever was answered."""
        raise NotImplementedError


@dataclass
class LocalLine(Line):
    carrier: LocalSimulatedCarrier

    @override
    async def placed(self) -> int:
        return len(await self.carrier.list_calls(LONG_AGO, datetime.now(UTC)))


class Answers:
    """Of an HTTP service, to what changes something there: acted on at once, and answered once a
    test lets them go."""

    def __init__(self) -> None:
        self._are_let_go = asyncio.Event()
        self.let_go()

    def hold(self) -> None:
        self._are_let_go.clear()

    def let_go(self) -> None:
        self._are_let_go.set()

    def of(self, app: ASGIApp) -> ASGIApp:
        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_in_time(message: Message) -> None:
                await self._are_let_go.wait()
                await send(message)

            is_held = scope["type"] == "http" and scope["method"] == "POST"
            await app(scope, receive, send_in_time if is_held else send)

        return answering


@dataclass
class WireLine(Line):
    """To a carrier behind HTTP."""

    answers: Answers


@dataclass
class HttpLine(WireLine):
    """The same to the simulated one, with what only that one has."""

    receiver: "Receiver"
    url: str
    log: Path

    @override
    async def placed(self) -> int:
        return (await self.stats())["placed"]

    async def stats(self) -> dict[str, int]:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.url}/stats")
        return dict(answer.json())

    async def change(self, **settings: object) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.post(f"{self.url}/admin/profile", json=settings)

    def logged(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.log.read_bytes().splitlines()]


class Receiver:
    """The server's end of callbacks: verified, parsed, heard. It can be told to refuse."""

    def __init__(self) -> None:
        self.news = News()
        self.callbacks: list[RawCallback] = []
        self.refusals_left = 0
        self.carrier: Carrier | None = None

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/callbacks", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        callback = RawCallback("simulated", "", "", dict(request.headers), await request.body())
        self.callbacks.append(callback)
        if self.refusals_left:
            self.refusals_left -= 1
            return Response(status_code=503)
        assert self.carrier is not None
        if not self.carrier.verify_callback(callback):
            return Response(status_code=403)
        for report in self.carrier.parse_callback(callback):
            self.news.put(report)
        return Response(status_code=204)


@asynccontextmanager
async def local_line(
    profile: SimulationProfile, folder: Path, deadline: timedelta = CARRIER_DEADLINE
) -> AsyncIterator[Line]:
    news = News()
    carrier = LocalSimulatedCarrier(profile, news, UuidV7Ids(SystemClock()).new_id, deadline)
    yield LocalLine(carrier, news)
    await carrier.close()


@asynccontextmanager
async def http_line(
    profile: SimulationProfile, folder: Path, deadline: timedelta = CARRIER_DEADLINE
) -> AsyncIterator[HttpLine]:
    log = folder / "rung.jsonl"
    async with AsyncExitStack() as stack:
        receiver = Receiver()
        receiving_url = await serve(receiver.app(), stack)
        answers = Answers()
        url = await _start_service(profile, log, answers, stack)
        carrier = HttpSimulatedCarrier(url, SECRET, f"{receiving_url}/callbacks", deadline)
        stack.push_async_callback(carrier.close)
        receiver.carrier = carrier
        yield HttpLine(carrier, receiver.news, answers, receiver, url, log)


async def _start_service(
    profile: SimulationProfile, log: Path, answers: Answers, stack: AsyncExitStack
) -> str:
    clock = SystemClock()
    callbacks = CallbackSender(SECRET, clock, retry_after_seconds=[0.01] * 20)
    ring_log = FileRingLog(log, clock)
    stack.callback(ring_log.close)
    callbacks.start()
    stack.push_async_callback(callbacks.close)
    service = CarrierService(profile, ring_log, callbacks, UuidV7Ids(clock).new_id, clock)
    stack.callback(service.close)
    return await serve(answers.of(service.app()), stack)


async def serve(app: ASGIApp, stack: AsyncExitStack) -> str:
    """Its URL, as long as `stack` is open."""
    server = HttpServer(app, "127.0.0.1:0", stop_seconds=0)
    port = await server.start()
    stack.push_async_callback(server.stop)
    return f"http://127.0.0.1:{port}"
