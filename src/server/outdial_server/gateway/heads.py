"""HTTP/1.1 with bounds for the head of a request: uvicorn waits for one for ever, and keeps all of
it."""

import asyncio
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 20.0
"""So long may a head take, from the first moment of a connection or the end of the request before
it. A connection that is kept idle has its own time."""

HEAD_MAX_BYTES: Final = 64 * 1024


class BoundedHeads(HttpToolsProtocol):
    head_seconds = HEAD_SECONDS

    @override
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # While a head is waited for; None in the rest of a request, and between two.
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is None:
            return
        # Counted only now: a head and its body may come together.
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_MAX_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    @override
    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        if self._head_timer is None:
            self._expect_head()
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        self._head_has_come()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(
            self.head_seconds, self._refuse, b"408 Request Timeout"
        )

    def _head_has_come(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        self._head_has_come()
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
            )
            self.transport.close()
