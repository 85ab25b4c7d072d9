"""The rows of a batch with their calls, as one stream."""

from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from grpc.aio import UnaryStreamCall, UnaryStreamMultiCallable
from outdial.v1.scheduled_call_service_pb2 import (
    ExportScheduledCallsRequest,
    ExportScheduledCallsResponse,
    ScheduledCallResult,
)

from outdial_client._errors import OutdialError
from outdial_client._interruptions import Interruptions, is_passing
from outdial_client._requests import Sender

Method = UnaryStreamMultiCallable[ExportScheduledCallsRequest, ExportScheduledCallsResponse]
_Stream = UnaryStreamCall[ExportScheduledCallsRequest, ExportScheduledCallsResponse]


class ResultExport:
    """Rows by position, each once, over as many streams as it takes.

    A stream that breaks is taken up again behind the last row that came. After
    several tries in a row without a new row the error is raised; `next_position`
    says where to go on later. Use it as a context manager, or call `aclose()`, when
    leaving before the end.
    """

    def __init__(
        self,
        sender: Sender,
        method: Method,
        request: ExportScheduledCallsRequest,
        *,
        interruptions: Interruptions,
    ) -> None:
        self._sender = sender
        self._method = method
        self._request = request
        self._interruptions = interruptions
        self._next_position = request.from_position
        self._waiting: deque[ScheduledCallResult] = deque()
        self._stream: _Stream | None = None
        self._ended = False

    @property
    def next_position(self) -> int:
        """Where to go on after the last row that was handed out."""
        return self._next_position

    async def read(self) -> Sequence[ScheduledCallResult]:
        """The next rows, as many as have come together; none at the end."""
        while not self._waiting and not self._ended:
            await self._receive()
        rows = list(self._waiting)
        self._waiting.clear()
        if rows:
            self._next_position = rows[-1].scheduled_call.position + 1
        return rows

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ScheduledCallResult:
        while not self._waiting and not self._ended:
            await self._receive()
        if not self._waiting:
            raise StopAsyncIteration
        row = self._waiting.popleft()
        self._next_position = row.scheduled_call.position + 1
        return row

    async def aclose(self) -> None:
        """Ends the export."""
        self._ended = True
        self._waiting.clear()
        self._disconnect()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _receive(self) -> None:
        stream = self._stream = self._stream or self._open()
        try:
            message = await self._sender.answer(stream.read())
        except OutdialError as error:
            await self._recover(error)
            return
        except BaseException:
            # A read that was given up takes its stream with it; the next one opens another.
            self._disconnect()
            raise
        if not isinstance(message, ExportScheduledCallsResponse):
            self._ended = True
            self._disconnect()
            return
        self._interruptions.failures = 0
        self._waiting.extend(message.results)

    def _open(self) -> _Stream:
        request = ExportScheduledCallsRequest()
        request.CopyFrom(self._request)
        request.from_position = self._next_position
        return self._sender.open_stream(self._method, request)

    async def _recover(self, error: OutdialError) -> None:
        self._disconnect()
        self._interruptions.failures += 1
        allowed = self._interruptions.timing.faults_allowed
        if not is_passing(error) or self._interruptions.failures > allowed:
            self._ended = True
            raise error
        await self._interruptions.wait(error)

    def _disconnect(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None
