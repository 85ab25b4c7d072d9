"""Servers in processes of their own, with a probe in their event loop."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvloop

from benchmarks.machine import ProcessIds
from benchmarks.profiling import ThreadProfile
from outdial_server.adapters.logs import configure_logs
from outdial_server.app.server import (
    RunningServer,
    leave_out_of_collections,
    running_server,
)
from outdial_server.settings import Settings

API_KEY = "testtest.0123456789abcdef0123456789abcdef"
HEADERS = (("x-api-key", API_KEY),)

SIMULATED = (("simulate", True), ("simulate_profile", "fast"))

_PROBE_SECONDS = 0.002
_PATIENCE_SECONDS = 120

Open = Callable[[], AbstractAsyncContextManager[str]]
"""Opens a service and gives its address."""


@dataclass(frozen=True, slots=True)
class Outdial:
    """The server as `outdial-server serve` runs it; `folder` gets its database."""

    database_url: str
    settings: tuple[tuple[str, Any], ...] = ()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        async with self.running() as server:
            yield f"127.0.0.1:{server.grpc_port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunningServer]:
        given = {
            "database_url": self.database_url,
            "grpc_listen": "127.0.0.1:0",
            "http_listen": "127.0.0.1:0",
            "bootstrap_api_key": API_KEY,
            "drain_seconds": 0.2,
            "log_format": "json",
            **dict(self.settings),
        }
        settings = Settings(**given)
        configure_logs(settings.log_form, settings.log_level)
        async with running_server(settings) as server:
            leave_out_of_collections()
            yield server


@asynccontextmanager
async def nothing() -> AsyncIterator[str]:
    """An idle loop: what its probe says is the machine's doing."""
    yield ""


class LoopProbe:
    """How late a task of the loop wakes, at the most, since it was last asked."""

    def __init__(self) -> None:
        self._most_seconds = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_PROBE_SECONDS)
            late = time.perf_counter() - before - _PROBE_SECONDS
            self._most_seconds = max(self._most_seconds, late)

    def take_ms(self) -> float:
        most, self._most_seconds = self._most_seconds, 0.0
        return most * 1000


class Service:
    """A context in which the service runs. Its log goes to a file in `folder`."""

    def __init__(self, folder: Path, open_service: Open, *, probed: bool = False) -> None:
        spawn = get_context("spawn")
        self._conn, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=_main, args=(theirs, open_service, folder / "service.log", probed)
        )
        self.address = ""
        self.ids = ProcessIds(0, None)

    def __enter__(self) -> Self:
        self._process.start()
        self.address, self.ids = self._receive()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ask("stop")
        self._process.join(_PATIENCE_SECONDS)
        assert self._process.exitcode == 0, "a service did not end as it should"

    def take_hold_ms(self) -> float:
        """The longest that the loop was held since the last time, if it is probed."""
        held: float = self._ask("hold")
        return held

    def begin_profile(self) -> None:
        self._ask("profile")

    def end_profile(self, title: str) -> str:
        self._ask("unprofile")
        text: str = self._ask(title)
        return text

    def _ask(self, command: str) -> Any:
        self._conn.send(command)
        return self._receive()

    def _receive(self) -> Any:
        if not self._conn.poll(_PATIENCE_SECONDS):
            raise TimeoutError("a service does not answer")
        return self._conn.recv()


def _main(conn: Connection, open_service: Open, log: Path, probed: bool) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 2)
    uvloop.run(_serve(conn, open_service, probed=probed))


async def _serve(conn: Connection, open_service: Open, *, probed: bool) -> None:
    probe, profile = LoopProbe(), ThreadProfile()
    stopped = asyncio.Event()

    def answer() -> None:
        command = conn.recv()
        match command:
            case "hold":
                conn.send(probe.take_ms())
            case "profile":
                conn.send(profile.begin())
            case "unprofile":
                conn.send(profile.end())
            case "stop":
                conn.send(None)
                stopped.set()
            case title:
                conn.send(profile.text(title))

    async with open_service() as address:
        probing = asyncio.create_task(probe.run()) if probed else None
        asyncio.get_running_loop().add_reader(conn.fileno(), answer)
        conn.send((address, ProcessIds(os.getpid(), _writer_id())))
        await stopped.wait()
        asyncio.get_running_loop().remove_reader(conn.fileno())
        if probing is not None:
            probing.cancel()


def _writer_id() -> int | None:
    writers = (t for t in threading.enumerate() if t.name.startswith("outdial-writer"))
    return next((thread.native_id for thread in writers), None)
