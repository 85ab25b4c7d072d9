"""One HTTP request, sent once, and what is certain when no answer comes."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http import HttpProcessingError

from outdial_server.domain.internet import AddressGuard

KEEP_ALIVE_SECONDS: Final = 2.0
"""Shorter than servers keep idle connections (5 s is common): a request that meets the
close of its connection on the way would end as AnswerLostError."""

_CONNECT_SHARE: Final = 0.5
"""How much of the deadline a connection may take, so that one which never comes is told
apart from an answer that never comes."""


ANSWER_MOST_BYTES: Final = 1024 * 1024
"""Of a longer answer the beginning is kept, and the rest is not read."""


class NothingSentError(Exception):
    """There was no connection: not a byte of the request has left."""


class AnswerLostError(Exception):
    """The request may have left, and no whole answer came."""


class _ForbiddenAddressError(OSError):
    """Where the URL leads is not for clients' requests. Says no more than that: the words
    are the same for every address of a host, so that they come out as one error."""


_NO_CONNECTION: Final = (
    # No such host, refused, unreachable, no TLS; a request without a connection.
    aiohttp.ClientConnectorError,
    # No connection in time, or none free in the pool.
    aiohttp.ConnectionTimeoutError,
    # A host that none can be called.
    aiohttp.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. The names of `headers` are found in any case; `body` is cut at
    `ANSWER_MOST_BYTES`."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


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
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._deadline_seconds = deadline.total_seconds()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                resolver=resolver,
                socket_factory=None if guard is None else _guarded_socket(guard),
            ),
            # A small body may unpack into a huge one.
            auto_decompress=False,
            headers={"accept-encoding": "identity"},
            # The deadline of the whole is our own: the library's is rounded up to seconds.
            timeout=aiohttp.ClientTimeout(connect=self._deadline_seconds * _CONNECT_SHARE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def get(
        self,
        url: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await self._send("GET", url, params=query, headers=headers)

    async def post(
        self, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._send("POST", url, data=body, headers=headers)

    async def delete(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._send("DELETE", url, headers=headers)

    async def close(self) -> None:
        await self._session.close()

    async def _send(self, method: str, url: str, **options: Any) -> Answer:
        """Whatever is not surely the lack of a connection counts as sent."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._exchange(method, url, options)
        except _NO_CONNECTION as error:
            raise NothingSentError(_why_not_connected(error)) from error
        except TimeoutError as error:
            raise AnswerLostError("TIMEOUT") from error
        except (aiohttp.ClientResponseError, HttpProcessingError) as error:
            raise AnswerLostError("UNREADABLE_ANSWER") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AnswerLostError("CONNECTION_LOST") from error

    async def _exchange(self, method: str, url: str, options: Mapping[str, Any]) -> Answer:
        request = self._session.request(method, url, allow_redirects=False, **options)
        async with request as answer:
            body = await _read(answer.content)
            if len(body) == ANSWER_MOST_BYTES:
                # Else the connection would be kept, with the rest of the body in it.
                answer.close()
            return Answer(answer.status, answer.headers, body)


AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


def _guarded_socket(guard: AddressGuard) -> Callable[[AddressInfo], socket.socket]:
    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not guard.permits(address[0]):
            raise _ForbiddenAddressError("the address is not allowed")
        return socket.socket(family, kind, protocol)

    return make


def _why_not_connected(error: Exception) -> str:
    cause = getattr(error, "os_error", None)
    return "ADDRESS_NOT_ALLOWED" if isinstance(cause, _ForbiddenAddressError) else "CANNOT_CONNECT"


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) < ANSWER_MOST_BYTES and (piece := await content.readany()):
        body += piece
    return bytes(body[:ANSWER_MOST_BYTES])


def checked_url(url: str) -> str:
    """The URL as it is. Raises ValueError for one that no request could go to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} must be an http or https URL with a host")
    return url
