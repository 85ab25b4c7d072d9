"""`outdial-server simulate-carrier`: the simulated carrier as a process of its own."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.logs import configure_logs
from outdial_server.carriers.simulated.callback_sender import CallbackSender
from outdial_server.carriers.simulated.process import CarrierService
from outdial_server.carriers.simulated.profile import (
    PROFILES,
    ProfileError,
    SimulationProfile,
    named_profile,
    with_settings,
)
from outdial_server.carriers.simulated.ring_log import FileRingLog, NoRingLog
from outdial_server.cli.run import run
from outdial_server.gateway.server import HttpServer


def command(
    listen: Annotated[str, typer.Option(help="HOST:PORT to serve on.")] = "127.0.0.1:9090",
    profile: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "default",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting over the profile, like ring_ms=50-300."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="File to append what really rang to, as JSON lines.")
    ] = None,
    callback_secret: Annotated[
        str, typer.Option(envvar="OUTDIAL_SIMULATED_CARRIER_SECRET", help="Signs callbacks.")
    ] = "",
) -> None:
    """Runs the simulated carrier: it takes calls over HTTP, rings nobody, and calls back."""
    try:
        chosen = with_settings(named_profile(profile), settings or [])
    except ProfileError as error:
        raise typer.BadParameter(str(error)) from error
    if not callback_secret:
        raise typer.BadParameter("--callback-secret is required, to sign callbacks with")
    configure_logs("console" if sys.stderr.isatty() else "json", "info")
    try:
        run(_serve(chosen, listen, log, callback_secret))
    except (OSError, ValueError) as error:
        # A port that is taken, a folder that is not there.
        typer.echo(f"outdial-server: {error}", err=True)
        raise typer.Exit(1) from error


async def _serve(
    profile: SimulationProfile, listen: str, log_path: Path | None, secret: str
) -> None:
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
        typer.echo(f"simulated carrier on http://{listen.rpartition(':')[0]}:{port}")
        await stop.wait()
