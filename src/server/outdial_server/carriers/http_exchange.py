"""One HTTP request to a carrier, sent once, and what is certain when no answer comes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http import HttpProcessingError

KEEP_ALIVE_SECONDS: Final = 2.0
"""Shorter than servers keep idle connections (5 s is common): a request that meets the
close of its connection on the way would end as AnswerLostError."""

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


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. The names of `headers` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class HttpExchange:
    """Requests over one pool of connections, made inside a running event loop. A POST is
    never sent a second time: no retries, no redirects. An answer is returned whatever its
    status; without one NothingSentError or AnswerLostError is raised, by the deadline."""

    def __init__(self, deadline: timedelta, connections: int) -> None:
        self._deadline_seconds = deadline.total_seconds()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE_SECONDS),
            # The deadline of the whole is our own: the library's is rounded up to seconds.
            timeout=aiohttp.ClientTimeout(connect=self._deadline_seconds * _CONNECT_SHARE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def get(self, url: str, query: Mapping[str, str] | None = None) -> Answer:
        return await self._send("GET", url, params=query)

    async def post(
        self, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._send("POST", url, data=body, headers=headers)

    async def close(self) -> None:
        await self._session.close()

    async def _send(self, method: str, url: str, **options: Any) -> Answer:
        """Whatever is not surely the lack of a connection counts as sent."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._exchange(method, url, options)
        except _NO_CONNECTION as error:
            raise NothingSentError("CANNOT_CONNECT") from error
        except TimeoutError as error:
            raise AnswerLostError("TIMEOUT") from error
        except (aiohttp.ClientResponseError, HttpProcessingError) as error:
            raise AnswerLostError("UNREADABLE_ANSWER") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AnswerLostError("CONNECTION_LOST") from error

    async def _exchange(self, method: str, url: str, options: Mapping[str, Any]) -> Answer:
        request = self._session.request(method, url, allow_redirects=False, **options)
        async with request as answer:
            return Answer(answer.status, answer.headers, await answer.read())


def checked_url(url: str) -> str:
    """The URL as it is. Raises ValueError for one that no request could go to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} must be an http or https URL with a host")
    return url
