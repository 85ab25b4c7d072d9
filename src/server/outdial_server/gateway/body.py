"""The body of a request, within its bounds."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

from outdial_server.domain.errors import InvalidFieldsError, invalid_field
from outdial_server.domain.limits import REQUEST_MAX_BYTES

_SILENCE_SECONDS: Final = 30
"""So long may nothing come of it."""


class Body:
    def __init__(self, request: Request, most_bytes: int = REQUEST_MAX_BYTES) -> None:
        self._request = request
        self._most_bytes = most_bytes
        self.is_too_large = False

    async def read(self) -> bytes:
        """All of it. Raises like `pieces`. It is JSON whatever its type says: curl, left alone,
        calls it a form."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """As they come. Raises InvalidFieldsError, for a body that is too large before all of it
        is read."""
        if int(self._length() or 0) > self._most_bytes:
            raise self._too_large()
        size = 0
        stream = self._request.stream()
        while piece := await self._next(stream):
            size += len(piece)
            if size > self._most_bytes:
                raise self._too_large()
            yield piece

    async def _next(self, stream: AsyncGenerator[bytes, None]) -> bytes:
        try:
            return await asyncio.wait_for(anext(stream, b""), _SILENCE_SECONDS)
        except (ClientDisconnect, TimeoutError):
            raise invalid_field("body", "did not come whole") from None

    def check_empty(self) -> None:
        """Without waiting for it: whoever listens for the end of a connection reads next."""
        if int(self._length() or 0) or "transfer-encoding" in self._request.headers:
            raise invalid_field("body", "must be empty")

    def _length(self) -> str:
        """In digits: the HTTP server lets nothing else in."""
        return self._request.headers.get("content-length", "")

    def _too_large(self) -> InvalidFieldsError:
        self.is_too_large = True
        return invalid_field("body", f"is longer than {self._most_bytes} bytes")
