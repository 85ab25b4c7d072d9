"""Following the batches of an account over disconnects and restarts of the server."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from grpc import StatusCode
from grpc.aio import UnaryStreamCall
from outdial.v1.batch_service_pb2 import WatchBatchesRequest, WatchBatchesResponse

from outdial_client._errors import InternalError, OutdialError
from outdial_client._interruptions import Interruptions, WatchInterruption, is_passing
from outdial_client._watch_stream import WatchStream
from outdial_client._watch_timing import WatchTiming

BatchesStream = UnaryStreamCall[WatchBatchesRequest, WatchBatchesResponse]


class BatchesWatch:
    """Batches as they change, message by message: each in its newest state.

    Streams that break are taken up again where they broke, for as long as it
    takes. It ends by itself only where batches were named and all of them have
    ended or been deleted.

    Without a token a watch starts with a snapshot. A snapshot that breaks off
    starts again from its beginning: what is not in the new one is gone.

    Raises OutdialError for what waiting does not mend. Use it as a context
    manager, or call `aclose()`, when leaving before the end.
    """

    def __init__(
        self,
        connect: Callable[[WatchBatchesRequest], BatchesStream],
        request: WatchBatchesRequest,
        *,
        timing: WatchTiming,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> None:
        self._connect = connect
        self._request = request
        self._timing = timing
        self._interruptions = Interruptions(timing, on_interruption)
        self._resume_token = request.resume_token
        self._stream = WatchStream[WatchBatchesResponse](self._open, timing)
        self._ended = False

    @property
    def resume_token(self) -> str:
        """Where to go on after the last message that was handed out."""
        return self._resume_token

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchBatchesResponse:
        while not self._ended:
            try:
                message = await self._read()
            except OutdialError as error:
                await self._recover(error)
                continue
            if message is not None:
                return message
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends the watch; the batches go on."""
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

    async def _read(self) -> WatchBatchesResponse | None:
        message = await self._stream.read()
        if message is None:
            if not self._request.batch_ids:
                raise InternalError(StatusCode.UNKNOWN, "the stream ended by itself")
            self._ended = True
        elif message.resume_token:
            self._resume_token = message.resume_token
            self._interruptions.failures = 0
        return message

    def _open(self) -> BatchesStream:
        request = WatchBatchesRequest()
        request.CopyFrom(self._request)
        request.resume_token = self._resume_token
        return self._connect(request)

    async def _recover(self, error: OutdialError) -> None:
        self._stream.disconnect()
        self._interruptions.failures += 1
        is_fault_allowed = self._interruptions.failures <= self._timing.faults_allowed
        may_pass = isinstance(error, InternalError) and is_fault_allowed
        if not (is_passing(error) or may_pass):
            self._ended = True
            raise error
        await self._interruptions.wait(error)
