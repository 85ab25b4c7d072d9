"""News is told until it is taken, for as long as the schedule of retries lasts, to a real
receiver that comes and goes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from outdial_server.adapters.clock import SystemClock
from outdial_server.carriers.simulated.callback_sender import CallbackSender, News
from outdial_server.carriers.simulated.signature import HEADER, is_signed
from outdial_server.gateway.server import HttpServer

SECRET = "a-secret"
HEARD_WITHIN_SECONDS = 60


@dataclass
class Receiver:
    """Answers with `status`, and keeps what it was told."""

    status: int = 204
    bodies: list[bytes] = field(default_factory=list)
    genuine: list[bool] = field(default_factory=list)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        self.bodies.append(body)
        self.genuine.append(is_signed(SECRET, request.headers[HEADER], body))
        self._bell.set()
        return Response(status_code=self.status)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(HEARD_WITHIN_SECONDS):
            while not condition():
                self._bell.clear()
                await self._bell.wait()


@asynccontextmanager
async def listening(receiver: Receiver, port: int = 0) -> AsyncIterator[str]:
    server = HttpServer(receiver.app(), f"127.0.0.1:{port}", stop_seconds=0)
    taken = await server.start()
    yield f"http://127.0.0.1:{taken}/"
    await server.stop()


@asynccontextmanager
async def sending(*retry_after_seconds: float) -> AsyncIterator[CallbackSender]:
    sender = CallbackSender(SECRET, SystemClock(), retry_after_seconds)
    sender.start()
    yield sender
    await sender.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_what_is_taken_is_told_once_and_signed() -> None:
    receiver = Receiver()
    async with listening(receiver) as url, sending(0, 0, 0) as sender:
        for number in range(50):
            sender.send(News(url, b"%d" % number))
        await receiver.wait_until(lambda: len(receiver.bodies) >= 50)
    assert sorted(map(int, receiver.bodies)) == list(range(50))
    assert all(receiver.genuine)


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
async def test_what_is_not_taken_is_told_again_until_it_is(status: int) -> None:
    receiver = Receiver(status)
    async with listening(receiver) as url, sending(*[0.001] * 1000) as sender:
        sender.send(News(url, b"news"))
        await receiver.wait_until(lambda: len(receiver.bodies) >= 3)
        receiver.status = 204
        told = len(receiver.bodies)
        await receiver.wait_until(lambda: len(receiver.bodies) > told)
    assert set(receiver.bodies) == {b"news"}


async def test_a_receiver_that_was_down_hears_everything_when_it_is_back() -> None:
    port = free_port()
    receiver = Receiver()
    async with sending(*[0.01] * 1000) as sender:
        for number in range(20):
            sender.send(News(f"http://127.0.0.1:{port}/", b"%d" % number))
        async with listening(receiver, port):
            await receiver.wait_until(lambda: len(set(receiver.bodies)) == 20)
        sender.send(News(f"http://127.0.0.1:{port}/", b"told while it was down again"))
        async with listening(receiver, port):
            await receiver.wait_until(lambda: receiver.bodies[-1].startswith(b"told"))


async def test_it_gives_up_at_the_end_of_its_schedule() -> None:
    receiver = Receiver(status=503)
    async with listening(receiver) as url, sending(0.001, 0.002) as sender:
        sender.send(News(url, b"unwanted"))
        await receiver.wait_until(lambda: len(receiver.bodies) == 3)
        # By the time that a second one has run its course, the first would have come again.
        sender.send(News(url, b"unwanted too"))
        await receiver.wait_until(lambda: receiver.bodies.count(b"unwanted too") == 3)
    assert receiver.bodies.count(b"unwanted") == 3


@pytest.mark.parametrize("url", ["", "nonsense", "http://[", "ftp://127.0.0.1/", "http:///x"])
async def test_an_address_that_is_none_stops_nobody_else_s_news(url: str) -> None:
    receiver = Receiver()
    async with listening(receiver) as good, sending() as sender:
        for _ in range(200):
            sender.send(News(url, b"lost"))
        sender.send(News(good, b"news"))
        await receiver.wait_until(lambda: receiver.bodies == [b"news"])


async def test_news_for_the_same_address_can_go_together() -> None:
    receiver, other = Receiver(), Receiver()
    async with listening(receiver) as url, listening(other) as other_url, sending() as sender:
        sender.news_per_callback = 3
        for number in range(3):
            sender.send(News(url, b"%d" % number))
        sender.send(News(other_url, b"3"))
        sender.send(News(url, b"4"))
        await receiver.wait_until(lambda: len(receiver.bodies) == 2)
        await other.wait_until(lambda: len(other.bodies) == 1)
    assert sorted(receiver.bodies) == [b"4", b"[0,1,2]"]
    assert other.bodies == [b"3"]
    assert all(receiver.genuine)
