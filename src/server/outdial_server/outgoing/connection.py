"""One connection, which carries one request after another, and knows of each whether any of it
has left."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

from outdial_server.outgoing.answer import Answer, AnswerLostError
from outdial_server.outgoing.reading import AnswerReader, UnreadableError


@dataclass(eq=False, slots=True)
class Request:
    """A request as bytes, and what comes of it."""

    data: bytes
    # By the loop's clock: not a byte leaves behind the first moment, whatever became of the
    # connection meanwhile, and the second is the end of its patience.
    leave_by: float
    until: float
    # Of a request that has left; or AnswerLostError.
    answered: asyncio.Future[Answer]
    has_left: bool = False


class Connection(asyncio.Protocol):
    """Carries `first` in the very turn of the loop in which it comes to stand, and says `on_idle`
    when another request may follow. When not a byte of `first` has left by then, whoever made the
    connection aborts it, and no sooner: a socket that uvloop closes before it has taken it over
    is closed a second time by Python, when its number is perhaps another's.

    What has left is known from the socket: requests are given to the kernel here, and not by a
    transport, which does not say. With TLS, what its transport takes counts as sent."""

    def __init__(
        self,
        sock: socket.socket,
        first: Request,
        on_idle: Callable[["Connection"], None],
        on_gone: Callable[["Connection"], None],
        *,
        is_tls: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._is_tls = is_tls
        self._on_idle = on_idle
        self._on_gone = on_gone
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reader = AnswerReader()
        # The one that waits for its answer; at first the one that waits for the connection.
        self._request: Request | None = first

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are none by their class.
        self._transport = cast("asyncio.Transport", transport)
        first, self._request = self._request, None
        if first is None:
            transport.close()
        else:
            self._carry(first)

    def carry_next(self, request: Request) -> bool:
        """For an idle connection. False when certainly not a byte has left; the connection is of
        no more use then."""
        is_carried = not self._is_stale() and self._carry(request)
        if not is_carried:
            self.abort()
        return is_carried

    def abort(self) -> None:
        """Closes it at once: a request that has left is lost, and one that has not stays here."""
        if self._transport is None:
            self._request = None
        else:
            self._transport.abort()
            self._lose("CONNECTION_LOST")

    def abandon(self, request: Request) -> None:
        """Nobody waits for its answer any more; nothing to do when that has come."""
        if self._request is request:
            self.abort()

    def _is_stale(self) -> bool:
        """Whether the other side has closed it, or has said something that nobody asked for and
        that would pass for the answer. The kernel knows before the loop has read it."""
        if self._is_closing():
            return True
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _carry(self, request: Request) -> bool:
        # A process that stood still finds its connection made before it hears that its time is up.
        is_late = self._loop.time() > request.leave_by
        request.has_left = not is_late and self._write(request.data)
        if not request.has_left:
            return False
        self._request = request
        self._reader.begin()
        self._timer = self._loop.call_at(request.until, self._give_up)
        return True

    def _write(self, data: bytes) -> bool:
        """Whether any of it may have left."""
        if self._transport is None or self._transport.is_closing():
            return False
        sent = 0
        if not self._is_tls:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                pass
            except OSError:
                return False
        if sent < len(data):
            self._transport.write(data[sent:])
        return True

    # --- the answer ----------------------------------------------------------------

    @override
    def data_received(self, data: bytes) -> None:
        if self._request is None:
            # Nobody has asked.
            self.abort()
            return
        try:
            answer = self._reader.feed(data)
        except UnreadableError:
            self._lose("UNREADABLE_ANSWER")
            self.abort()
            return
        if answer is not None:
            self._finish(answer)

    @override
    def eof_received(self) -> None:
        answer = None if self._request is None else self._reader.end()
        if answer is None:
            self._lose("CONNECTION_LOST")
        else:
            self._finish(answer)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("CONNECTION_LOST")
        self._on_gone(self)

    def _give_up(self) -> None:
        self._lose("TIMEOUT")
        self.abort()

    def _finish(self, answer: Answer) -> None:
        request = self._take_request()
        if self._reader.leaves_it_clean and self._has_sent_all():
            self._on_idle(self)
        else:
            self.abort()
        if request is not None and not request.answered.done():
            request.answered.set_result(answer)

    def _has_sent_all(self) -> bool:
        """An answer may come before the whole request has left."""
        return self._transport is not None and self._transport.get_write_buffer_size() == 0

    def _lose(self, why: str) -> None:
        request = self._take_request()
        if request is not None and not request.answered.done():
            request.answered.set_exception(AnswerLostError(why))

    def _take_request(self) -> Request | None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        request, self._request = self._request, None
        return request
