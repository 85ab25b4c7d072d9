"""The server with stock httpx in place of our own exchange: what that one is worth."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

import httpx
from typing_extensions import override

from benchmarks.services import Outdial
from outdial_server.carriers.simulated import http as adapter
from outdial_server.domain.internet import AddressGuard
from outdial_server.outgoing.answer import Answer, AnswerLostError, NothingSentError
from outdial_server.outgoing.idle import KEEP_ALIVE_SECONDS


class StockExchange:
    """As `HttpExchange`, as well as httpx can tell."""

    def __init__(
        self, deadline: timedelta, connections: int, guard: AddressGuard | None = None
    ) -> None:
        assert guard is None, "the simulated carrier's URL is the operator's own"
        self._client = httpx.AsyncClient(
            timeout=deadline.total_seconds(),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
        )

    async def get(
        self,
        url: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await self._send(
            self._client.build_request("GET", url, params=query, headers=headers)
        )

    async def post(
        self, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._send(
            self._client.build_request("POST", url, content=body, headers=headers)
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def _send(self, request: httpx.Request) -> Answer:
        try:
            answer = await self._client.send(request)
        except httpx.ConnectError as error:
            raise NothingSentError("CANNOT_CONNECT") from error
        except httpx.HTTPError as error:
            raise AnswerLostError("CONNECTION_LOST") from error
        return Answer(answer.status_code, answer.headers, answer.content)


@dataclass(frozen=True, slots=True)
class OutdialOnHttpx(Outdial):
    @override
    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        with patch.object(adapter, "HttpExchange", StockExchange):
            async with Outdial.__call__(self) as address:
                yield address
