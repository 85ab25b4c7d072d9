"""Serves an ASGI application inside the event loop that runs already."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from typing_extensions import override

from outdial_server.gateway.connections import HttpConnection

STOP_SECONDS: Final = 5
"""How long requests under way may go on when it stops; then they are cancelled."""

KEEP_ALIVE_SECONDS: Final = 30
"""Longer than clients usually keep an idle connection: a request that meets the close of
its connection on the way is lost to its sender."""


class _Server(uvicorn.Server):
    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own: it stops its parts in order."""
        yield


class HttpServer:
    """`listen` is `HOST:PORT`; port 0 takes a free one. Raises ValueError for what is
    neither."""

    def __init__(self, app: Any, listen: str, stop_seconds: int = STOP_SECONDS) -> None:
        host, _, port = listen.rpartition(":")
        if not (host and port.isascii() and port.isdigit()):
            raise ValueError(f"{listen!r} must be HOST:PORT, like 127.0.0.1:8080")
        self._host, self._port = host.strip("[]"), int(port)
        self._server = _Server(
            uvicorn.Config(
                app,
                http=HttpConnection,
                log_config=None,
                access_log=False,
                ws="none",
                lifespan="off",
                # Nobody asks who is at the other end: a signature says more.
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=stop_seconds,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Returns the port once it takes connections. Raises OSError when it cannot."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            bound = socket.create_server((self._host, self._port), family=family, backlog=2048)
        except OSError as error:
            # The library adds the address once more, in brackets.
            why = (error.strerror or "").partition(" (")[0]
            raise OSError(f"cannot listen on {self._host}:{self._port}: {why}") from error
        # Head and body are written apart, and the second would wait for the first to be seen.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = bound.getsockname()[1]
        # Connections are taken from here on; uvicorn answers them once it has started.
        self._task = asyncio.create_task(self._server.serve([bound]), name="outdial-http")
        return self._port

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
