"""The simulated carrier as a process of its own."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.carriers.simulated.callback_sender import CallbackSender
from outdial_server.carriers.simulated.process import CarrierService
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.ring_log import FileRingLog, NoRingLog
from outdial_server.gateway.server import HttpServer


async def serve_carrier(
    profile: SimulationProfile,
    listen: str,
    log_path: Path | None,
    secret: str,
    announce: Callable[[int], None],
) -> None:
    """Runs until SIGTERM or SIGINT; `announce` is told the port. Raises OSError for one that
    is taken, and for a log that cannot be written."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        log = FileRingLog(log_path, clock) if log_path else NoRingLog()
        stack.callback(log.close)
        callbacks = CallbackSender(secret, clock)
        stack.push_async_callback(callbacks.close)
        callbacks.start()
        service = CarrierService(profile, log, callbacks, UuidV7Ids(clock).new_id, clock)
        stack.callback(service.close)
        server = HttpServer(service.app(), listen, stop_seconds=1)
        stack.push_async_callback(server.stop)
        port = await server.start()
        announce(port)
        await stop.wait()
