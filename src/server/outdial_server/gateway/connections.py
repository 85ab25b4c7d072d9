"""HTTP/1.1 connections as uvicorn has them, and what it leaves out: bounds for the head of a
request, and an end that lets an early answer arrive."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 20.0
"""So long may a head take, from the first moment of a connection or its own first byte. A
connection that is kept idle has its own time."""

HEAD_MAX_BYTES: Final = 64 * 1024

LINGER_SECONDS: Final = 5.0
"""So long is a body taken in that nobody reads any more."""


class HttpConnection(HttpToolsProtocol):
    head_seconds = HEAD_SECONDS

    @override
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # While a head is waited for: not in the rest of a request, nor between two.
        self._is_in_head = False
        self._head_bytes = 0
        # Of a connection's first head, and of one that does not come at once.
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_in_body = False
        self._line: LingeringTransport | None = None

    @override
    def connection_made(self, transport: Any) -> None:
        self._line = LingeringTransport(transport, self.loop, lambda: self._is_in_body)
        line: Any = self._line
        super().connection_made(line)
        self._expect_head()
        self._time_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        if self._line is not None:
            self._line.end()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_in_head:
            return
        # Counted and timed only now: a head and its body may come together.
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_MAX_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._head_timer is None:
            self._time_head()

    @override
    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        if not self._is_in_head:
            self._expect_head()
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        self._head_has_come()
        self._is_in_body = True
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        self._is_in_body = False
        super().on_message_complete()
        if self._line is not None and self._line.lingers:
            self._line.end()

    def _expect_head(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0

    def _time_head(self) -> None:
        self._head_timer = self.loop.call_later(
            self.head_seconds, self._refuse, b"408 Request Timeout"
        )

    def _head_has_come(self) -> None:
        self._is_in_head = False
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


class LingeringTransport:
    """A transport whose end waits for the rest of a body. Were it closed with bytes unread, the
    client would be told of a broken connection while it still sends, and lose the answer."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_owed: Callable[[], bool],
    ) -> None:
        """`is_owed` says whether more of the present request is to come."""
        self._transport = transport
        self._loop = loop
        self._is_owed = is_owed
        self._timer: asyncio.TimerHandle | None = None
        # Called twice for each answer: not by way of `__getattr__`.
        self.write = transport.write

    @property
    def lingers(self) -> bool:
        return self._timer is not None

    def close(self) -> None:
        if self.is_closing():
            return
        if not self._is_owed() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._timer = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        self._transport.write_eof()
        # Whoever read the body may have held it up.
        self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
