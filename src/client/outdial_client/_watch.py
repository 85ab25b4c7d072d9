"""Following a batch over disconnects and restarts of the server."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from grpc import StatusCode
from grpc.aio import UnaryStreamCall
from outdial.v1.batch_service_pb2 import (
    WatchBatchRequest,
    WatchBatchResponse,
    WatchDelivery,
    WatchScope,
)

from outdial_client._errors import (
    EventGapError,
    EventsErasedError,
    InternalError,
    OutdialError,
)
from outdial_client._interruptions import Interruptions, WatchInterruption, is_passing
from outdial_client._watch_position import EventGap, WatchPosition
from outdial_client._watch_stream import WatchStream
from outdial_client._watch_timing import WatchTiming

BatchStream = UnaryStreamCall[WatchBatchRequest, WatchBatchResponse]


class BatchWatch:
    """What happens in a batch, message by message, until it has ended.

    Streams that break are taken up again where they broke, for as long as it
    takes. With EVERY_EVENT each event comes exactly once and in order, over any
    number of streams; with LATEST none comes twice.

    Without a token a watch starts with a snapshot. A snapshot that breaks off
    starts again from its beginning: a row replaces an earlier one of the same id.

    Raises OutdialError for what waiting does not mend, among it EventsErasedError
    for a token from before the oldest event that is still there. Use it as a
    context manager, or call `aclose()`, when leaving before the end.
    """

    def __init__(
        self,
        connect: Callable[[WatchBatchRequest], BatchStream],
        request: WatchBatchRequest,
        *,
        timing: WatchTiming,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> None:
        self._connect = connect
        self._request = request
        self._timing = timing
        self._interruptions = Interruptions(timing, on_interruption)
        self._position = WatchPosition(
            contiguous=request.delivery == WatchDelivery.WATCH_DELIVERY_EVERY_EVENT
            and request.scope != WatchScope.WATCH_SCOPE_BATCH,
            resume_token=request.resume_token,
        )
        self._stream = WatchStream[WatchBatchResponse](self._open, timing)
        self._gaps = 0
        self._ended = False

    @property
    def resume_token(self) -> str:
        """Where to go on after the last message that was handed out."""
        return self._position.resume_token

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchBatchResponse:
        while not self._ended:
            try:
                message = self._accept(await self._read())
            except OutdialError as error:
                await self._recover(error)
                continue
            if message is not None:
                return message
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends the watch; the batch goes on."""
        self._ended = True
        self._stream.disconnect()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _read(self) -> WatchBatchResponse:
        message = await self._stream.read()
        if message is None:
            raise InternalError(StatusCode.UNKNOWN, "the stream ended before the batch")
        return message

    def _open(self) -> BatchStream:
        request = WatchBatchRequest()
        request.CopyFrom(self._request)
        request.resume_token = self._position.resume_token
        return self._connect(request)

    def _accept(self, message: WatchBatchResponse) -> WatchBatchResponse | None:
        before = self._position.sequence
        try:
            fresh = self._position.advance(message)
        except EventGap as gap:
            self._gaps += 1
            raise EventGapError(StatusCode.DATA_LOSS, f"events are missing: {gap}") from None
        if message.resume_token:
            self._interruptions.failures = 0
        if self._position.sequence != before:
            self._gaps = 0
        if message.batch_ended:
            self._ended = True
            self._stream.disconnect()
        return fresh

    async def _recover(self, error: OutdialError) -> None:
        self._stream.disconnect()
        self._interruptions.failures += 1
        if not self._is_worth_another_try(error):
            self._ended = True
            raise error
        await self._interruptions.wait(error)

    def _is_worth_another_try(self, error: OutdialError) -> bool:
        if is_passing(error):
            return True
        faults = max(self._interruptions.failures, self._gaps)
        return self._may_pass(error) and faults <= self._timing.faults_allowed

    def _may_pass(self, error: OutdialError) -> bool:
        # Events that a snapshot still needed were erased while it was sent: no place is
        # lost, since there is none yet.
        is_snapshot_lost = isinstance(error, EventsErasedError) and not self._position.resume_token
        return is_snapshot_lost or isinstance(error, InternalError)
