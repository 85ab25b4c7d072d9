"""One HTTP request to a carrier, sent once, and what is certain when no answer comes.

httpx's own exceptions do not tell: over aiohttp's transport a connection that is reset
after the request has left is raised as `httpx.ConnectTimeout`. So the cause is asked.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

KEEP_ALIVE_SECONDS: Final = 2.0
"""Shorter than servers keep idle connections (5 s is common): a request that meets the
close of its connection on the way would end as AnswerLost."""

_CONNECT_SHARE: Final = 0.5
"""How much of the deadline a connection may take, so that one which never comes is told
apart from an answer that never comes."""


class NothingSentError(Exception):
    """There was no connection: not a byte of the request has left."""


class AnswerLostError(Exception):
    """The request may have left, and no whole answer came."""


_NO_CONNECTION: Final = (
    # No such host, refused, unreachable, no TLS; a request without a connection.
    aiohttp.ClientConnectorError,
    # No connection in time, or none free in the pool.
    aiohttp.ConnectionTimeoutError,
)


class HttpExchange:
    """Requests over one pool of connections. Nothing is ever sent a second time: no
    retries, no redirects. An answer is returned with its body, whatever its status; without
    one NothingSentError or AnswerLostError is raised, by the deadline."""

    def __init__(self, deadline: timedelta, connections: int) -> None:
        self._deadline_seconds = deadline.total_seconds()
        limits = httpx.Limits(max_connections=connections, keepalive_expiry=KEEP_ALIVE_SECONDS)
        connect_seconds = self._deadline_seconds * _CONNECT_SHARE
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(limits=limits, retries=0),
            timeout=httpx.Timeout(
                self._deadline_seconds, connect=connect_seconds, pool=connect_seconds
            ),
            follow_redirects=False,
        )

    async def get(self, url: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        return await self._send(self._client.build_request("GET", url, params=query))

    async def post(
        self, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self._send(
            self._client.build_request("POST", url, content=body, headers=headers)
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._client.send(request)
        except TimeoutError as error:
            raise AnswerLostError("TIMEOUT") from error
        except httpx.HTTPError as error:
            raise _told_apart(error.__cause__ or error) from error
        except aiohttp.ClientError as error:
            # What the transport has no name for: an answer that is no HTTP.
            raise _told_apart(error) from error


def _told_apart(cause: BaseException) -> NothingSentError | AnswerLostError:
    """Whatever is not surely the lack of a connection counts as sent."""
    if isinstance(cause, _NO_CONNECTION):
        return NothingSentError("CANNOT_CONNECT")
    if isinstance(cause, TimeoutError):
        return AnswerLostError("TIMEOUT")
    if isinstance(cause, aiohttp.ClientResponseError):
        return AnswerLostError("UNREADABLE_ANSWER")
    return AnswerLostError("CONNECTION_LOST")


def checked_url(url: str) -> str:
    """The URL as it is. Raises ValueError for one that no request could go to."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} must be an http or https URL with a host")
    return url
