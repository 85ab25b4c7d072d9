"""A connection that breaks when a test says so."""

import asyncio
from contextlib import suppress
from typing import Self


class CuttingProxy:
    """Hands bytes on between a client and a server. After `cut_after_bytes` of one
    direction, once for each entry, the connection is reset."""

    def __init__(self, port: int, *, up: list[int] | None = None, down: list[int] | None = None):
        self._target = port
        self._up = up or []
        self._down = down or []
        self.cuts = 0
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        port: int = self._server.sockets[0].getsockname()[1]
        return f"127.0.0.1:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [
            asyncio.ensure_future(self._hand_on(reader, target_writer, self._up)),
            asyncio.ensure_future(self._hand_on(target_reader, writer, self._down)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            target_writer.transport.abort()

    async def _hand_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, limits: list[int]
    ) -> None:
        limit = limits.pop(0) if limits else None
        handed_on = 0
        with suppress(ConnectionError):
            while data := await source.read(4096):
                handed_on += len(data)
                if limit is not None and handed_on > limit:
                    self.cuts += 1
                    return
                target.write(data)
                await target.drain()
