"""One HTTP request, sent once, and what is certain when no answer comes."""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from outdial_server.domain.internet import AddressGuard
from outdial_server.outgoing.answer import Answer, NothingSentError
from outdial_server.outgoing.connecting import AddressNotAllowedError, Connector
from outdial_server.outgoing.connection import Connection, Request
from outdial_server.outgoing.idle import IdleConnections
from outdial_server.outgoing.lookups import Lookups, Resolve
from outdial_server.outgoing.target import Origin, Target, target_of

_CONNECT_SHARE: Final = 0.5
"""How much of the deadline a connection may take, so that one which never comes is told
apart from an answer that never comes."""

# A small body may unpack into a huge one.
_ALWAYS: Final = "accept: */*\r\naccept-encoding: identity\r\nuser-agent: outdial\r\n"

_LINE_BREAK: Final = re.compile(r"[\r\n\0]")


class HttpExchange:
    """Requests over one pool of connections, made inside a running event loop. A POST is
    never sent a second time: no retries, no redirects. An answer is returned whatever its
    status; without one NothingSentError or AnswerLostError is raised, by the deadline.

    With a `guard` no connection is made but to addresses that it permits. It is asked for
    each address at the moment of connecting, so a name that leads elsewhere by then, or a
    number in a strange spelling, is of no use."""

    def __init__(
        self,
        deadline: timedelta,
        connections: int,
        guard: AddressGuard | None = None,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Above so many `connections` requests wait, unsent. `resolve` and `tls` stand in for
        the system's names and authorities."""
        self._loop = asyncio.get_running_loop()
        self._deadline_seconds = deadline.total_seconds()
        self._connect_seconds = self._deadline_seconds * _CONNECT_SHARE
        self._most = connections
        self._turns = asyncio.Semaphore(connections)
        self._connector = Connector(Lookups(resolve), guard, tls)
        self._idle = IdleConnections(self._loop)
        self._open: set[Connection] = set()
        self._is_closed = False

    async def get(
        self,
        url: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await self._send("GET", f"{url}?{urlencode(query)}" if query else url, headers)

    async def post(
        self, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._send("POST", url, headers, body)

    async def delete(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._send("DELETE", url, headers)

    async def close(self) -> None:
        """Requests under way are lost."""
        self._is_closed = True
        self._idle.close()
        for connection in list(self._open):
            connection.abort()

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | None = None,
    ) -> Answer:
        now = self._loop.time()
        try:
            target = target_of(url)
            data = _as_bytes(method, target, headers or {}, body)
        except ValueError as error:
            raise NothingSentError("CANNOT_CONNECT") from error
        request = Request(
            data,
            now + self._connect_seconds,
            now + self._deadline_seconds,
            self._loop.create_future(),
        )
        await self._wait_for_turn(request.leave_by)
        try:
            connection = self._carried_by_idle(target.origin, request)
            if connection is None:
                connection = await self._carried_by_new(target.origin, request)
            return await _answered(request, connection)
        finally:
            self._turns.release()

    async def _wait_for_turn(self, until: float) -> None:
        if self._turns.locked():
            try:
                async with asyncio.timeout_at(until):
                    await self._turns.acquire()
            except TimeoutError as error:
                raise NothingSentError("CANNOT_CONNECT") from error
        else:
            # Does not wait.
            await self._turns.acquire()

    def _carried_by_idle(self, origin: Origin, request: Request) -> Connection | None:
        while (connection := self._idle.take(origin)) is not None:
            if connection.carry_next(request):
                return connection
        return None

    async def _carried_by_new(self, origin: Origin, request: Request) -> Connection:
        connection: Connection | None = None

        def make(sock: socket.socket) -> Connection:
            nonlocal connection
            connection = self._made(sock, origin, request)
            return connection

        if self._is_closed:
            raise NothingSentError("CANNOT_CONNECT")
        cause: OSError | None = None
        stands = False
        try:
            async with asyncio.timeout_at(request.leave_by):
                await self._connector.connect(origin, make)
            stands = request.has_left
        except OSError as error:
            # With a request that has left by then it is the answer that is lost.
            cause = error
        except asyncio.CancelledError:
            request.answered.cancel()
            raise
        finally:
            if connection is not None and not stands:
                connection.abort()
                # It may never be told that it is gone.
                self._open.discard(connection)
        if connection is None or not request.has_left:
            raise NothingSentError(_why_not_connected(cause)) from cause
        return connection

    def _made(self, sock: socket.socket, origin: Origin, request: Request) -> Connection:
        if self._is_closed:
            raise ConnectionAbortedError
        if len(self._open) >= self._most:
            self._idle.close_one()
        connection = Connection(
            sock,
            request,
            on_idle=partial(self._idle.put, origin),
            on_gone=partial(self._forget, origin),
            is_tls=origin.is_tls,
        )
        self._open.add(connection)
        return connection

    def _forget(self, origin: Origin, connection: Connection) -> None:
        self._open.discard(connection)
        self._idle.forget(origin, connection)


async def _answered(request: Request, connection: Connection) -> Answer:
    try:
        return await request.answered
    finally:
        # Cancelled, perhaps, and nobody waits for it any more.
        connection.abandon(request)


def _as_bytes(method: str, target: Target, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Raises ValueError for headers that would come out as others."""
    if _LINE_BREAK.search("".join(map("".join, headers.items()))):
        raise ValueError("a header must not have line breaks")
    given = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    length = "" if body is None else f"content-length: {len(body)}\r\n"
    head = f"{method} {target.path} HTTP/1.1\r\n{target.head}{_ALWAYS}{given}{length}\r\n"
    return head.encode() + (body or b"")


def _why_not_connected(cause: OSError | None) -> str:
    return "ADDRESS_NOT_ALLOWED" if isinstance(cause, AddressNotAllowedError) else "CANNOT_CONNECT"
