"""The simulated carrier in a process of its own, and the raw limit that it sets."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import orjson
import uvloop
from aiohttp import web

from benchmarks.meter import Drive, Meter
from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.domain.ids import AccountId, BatchId, CallId
from outdial_server.ports.carrier import Accepted, DialRequest
from support.processes import CALLBACK_SECRET, CarrierProcess

# Accepts after 5 ms, and has done with the call soon after. Its news goes together in one
# callback: it must not be the bottleneck.
QUICK: Mapping[str, object] = {
    "request_latency_ms": 5,
    "setup_ms": 0,
    "ring_ms": "0-2",
    "talk_ms": "0-2",
    "answered_human": 1,
    "magic_numbers": "false",
    "news_per_callback": 100,
} | dict.fromkeys(
    ("answered_machine", "busy", "no_answer", "rejected", "failed", "invalid_number"), 0
)

_PATIENCE_SECONDS = 120


@contextmanager
def carrier_process(
    folder: Path, profile: Mapping[str, object]
) -> Iterator[tuple[CarrierProcess, int]]:
    """The carrier, listening, and its process id."""
    carrier = CarrierProcess(folder, profile)
    command = Path(sys.executable).with_name("outdial-server")
    process = subprocess.Popen([command, *carrier.arguments], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert carrier.url.encode() in process.stdout.readline(), "the carrier did not start"
        yield carrier, process.pid
    finally:
        process.terminate()
        process.wait()


def drive_carrier(url: str, calls: int, warm_up: int, at_once: int) -> Drive:
    """The carrier, its adapter and its callbacks without a server: a call goes when one
    has ended."""
    return uvloop.run(_drive_carrier(url, calls, warm_up, at_once))


async def _drive_carrier(url: str, calls: int, warm_up: int, at_once: int) -> Drive:
    meter = Meter(calls, warm_up)
    ended: dict[str, asyncio.Event] = {}

    async def take(request: web.Request) -> web.Response:
        told = orjson.loads(await request.read())
        for news in told if isinstance(told, list) else [told]:
            if news["status"] == "ended":
                ended.pop(news["call_id"]).set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/callbacks", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    carrier = HttpSimulatedCarrier(url, CALLBACK_SECRET, f"http://127.0.0.1:{port}/callbacks")
    numbers = iter(range(calls + warm_up + at_once))

    async def dial() -> None:
        for number in numbers:
            call_id = f"bare-{number}"
            over = ended[call_id] = asyncio.Event()
            meter.count()
            result = await carrier.place_call(_request(CallId(call_id)))
            assert isinstance(result, Accepted), result
            await over.wait()

    async with asyncio.timeout(_PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(dial())
    await carrier.close()
    await runner.cleanup()
    return meter.drive


def _request(call_id: CallId) -> DialRequest:
    return DialRequest(
        call_id,
        AccountId("account"),
        BatchId("batch"),
        "+12000000000",
        "",
        timedelta(seconds=30),
        timedelta(minutes=10),
    )
