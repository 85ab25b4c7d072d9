"""A real server for the tests of your own program, in one line. Nobody is called.

    async with running_server() as server, server.client() as client:
        agent = await client.agents.create("Reminder")

    with running_server() as server, server.client() as client:
        agent = client.agents.create("Reminder")

It needs the server's package beside the client: `pip install outdial`.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType

from outdial_client import sync
from outdial_client._client import Client
from outdial_client._server_process import (
    ServerNotInstalledError,
    ServerProcess,
    ServerStartError,
)

__all__ = [
    "AsyncServer",
    "ServerContext",
    "ServerNotInstalledError",
    "ServerStartError",
    "SyncServer",
    "running_server",
]

_DRAIN_SECONDS = "0.2"


def running_server(
    *,
    profile: str = "fast",
    carrier: Mapping[str, object] | None = None,
    settings: Mapping[str, object] | None = None,
) -> "ServerContext":
    """A server with the simulated carrier, for `with` and for `async with`.

    It takes free ports of this machine and keeps its database in a temporary folder.
    On entering it is ready; on leaving it is gone, with the folder. It ends by itself
    when the tests are killed. Variables `OUTDIAL_*` of the tests do not reach it.

    Args:
        profile: Of the simulated carrier. With `fast` every call is answered and over
            within milliseconds.
        carrier: What the carrier does otherwise, by the names in
            docs/simulated-carrier.md: `{"ring_ms": "50-300", "busy": 20}`. Magic
            numbers are on: one that ends in 0102 is busy, in 0103 does not answer ...
        settings: Of the server, by their names without `OUTDIAL_`:
            `{"unknown_settle_seconds": 1}`.

    Raises:
        ServerNotInstalledError: There is no `outdial-server`; says what to install.
        ServerStartError: It did not start; says why.
    """
    script = {"magic_numbers": True, **(carrier or {})}
    chosen = {
        "simulate": True,
        "simulate_profile": ",".join([profile, *(f"{k}={_text(v)}" for k, v in script.items())]),
        "drain_seconds": _DRAIN_SECONDS,
        **(settings or {}),
    }
    environment = {f"OUTDIAL_{name.upper()}": _text(value) for name, value in chosen.items()}
    return ServerContext(ServerProcess(environment))


class _Server:
    """Where a server is, and the key to it."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    @property
    def address(self) -> str:
        """Host and port of gRPC."""
        return self._process.address

    @property
    def http_address(self) -> str:
        """Host and port of HTTP."""
        return self._process.http_address

    @property
    def api_key(self) -> str:
        """A key with all scopes."""
        return self._process.api_key


class AsyncServer(_Server):
    """A server that runs, for programs with asyncio."""

    def client(self) -> Client:
        """A new client of it, for `async with`."""
        return Client(self.address, api_key=self.api_key)


class SyncServer(_Server):
    """A server that runs, for programs without asyncio."""

    def client(self) -> sync.Client:
        """A new client of it, for `with`."""
        return sync.Client(self.address, api_key=self.api_key)


class ServerContext:
    """A server for the length of a block."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    def __enter__(self) -> SyncServer:
        self._process.start()
        return SyncServer(self._process)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.stop()

    async def __aenter__(self) -> AsyncServer:
        starting = asyncio.ensure_future(asyncio.to_thread(self._process.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: what it starts has to be stopped.
            await asyncio.wait({starting})
            await asyncio.to_thread(self._process.stop)
            raise
        return AsyncServer(self._process)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._process.stop)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
