"""Somebody else's dialler behind the webhook of a batch: it is told of calls, sees to them in the
way that a test says, and reports what came of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

Told = dict[str, Any]
"""The body of a request."""

Answer = Callable[[Told], Awaitable[web.StreamResponse]]


async def taken(told: Told) -> web.StreamResponse:
    return web.Response(status=204)


@dataclass
class CallReceiver:
    """`answer` is what it says to a request, which it has kept by then."""

    answer: Answer = taken
    url: str = ""
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def told(self) -> list[Told]:
        return [orjson.loads(body) for _, body in self.asked]

    def times_asked(self) -> Counter[str]:
        """By call."""
        return Counter(told["call"]["callId"] for told in self.told)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((dict(request.headers), body))
        self.was_asked.set()
        return await self.answer(orjson.loads(body))


async def never(told: Told) -> web.StreamResponse:
    """Until whoever asks goes away."""
    return await asyncio.get_running_loop().create_future()


def with_status(status: int) -> Answer:
    async def answer(told: Told) -> web.StreamResponse:
        return web.Response(status=status)

    return answer


@asynccontextmanager
async def call_receiver(answer: Answer = taken) -> AsyncIterator[CallReceiver]:
    receiver = CallReceiver(answer)
    app = web.Application()
    app.router.add_post("/call-ready", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/call-ready"
    try:
        yield receiver
    finally:
        await runner.cleanup()
