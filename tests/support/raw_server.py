"""An HTTP server that a test writes byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Visit:
    """One connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    # Whole requests.
    heard: int = 0

    async def hear(self) -> bytes | None:
        """The next whole request, or None when no other comes."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            request = head + await self.reader.readexactly(int(length or 0))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.heard += 1
        return request

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """The kernel's RST, not a FIN: what was not yet read is lost to the other side."""
        self.writer.transport.abort()


Behaviour = Callable[[Visit], Awaitable[None]]
"""The connection is closed behind it."""


@dataclass
class RawServer:
    behave: Behaviour
    tls: ssl.SSLContext | None = None
    port: int = 0
    url: str = ""
    visits: list[Visit] = field(default_factory=list)
    open: int = 0
    open_most: int = 0
    _tasks: set[asyncio.Task[None] | None] = field(default_factory=set)

    @property
    def connections(self) -> int:
        return len(self.visits)

    @property
    def requests(self) -> int:
        """Whole ones, that it has read."""
        return sum(visit.heard for visit in self.visits)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/"
        try:
            yield self
        finally:
            server.close()
            await asyncio.gather(*filter(None, self._tasks))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        visit = Visit(reader, writer)
        self.visits.append(visit)
        self.open += 1
        self.open_most = max(self.open, self.open_most)
        try:
            with suppress(ConnectionError):
                await self.behave(visit)
        finally:
            self.open -= 1
            visit.close()
            with suppress(OSError):
                await writer.wait_closed()


def always(answer: bytes) -> Behaviour:
    async def behave(visit: Visit) -> None:
        while await visit.hear() is not None:
            await visit.say(answer)

    return behave


async def close_behind_a_request(visit: Visit) -> None:
    await visit.hear()


async def reset_behind_a_request(visit: Visit) -> None:
    await visit.hear()
    visit.reset()
