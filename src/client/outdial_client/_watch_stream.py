"""One stream of a watch, read with an eye on the clock."""

import asyncio
from asyncio import FIRST_COMPLETED, ensure_future
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from grpc import StatusCode
from grpc.aio import EOF, AioRpcError, UnaryStreamCall

from outdial_client._errors import OutdialError, RequestCancelledError, UnavailableError
from outdial_client._status import to_outdial_error
from outdial_client._watch_timing import WatchTiming

_Message = TypeVar("_Message")


class WatchStream(Generic[_Message]):
    """Connects when it is read and there is no stream; a read that fails leaves none."""

    def __init__(
        self, connect: Callable[[], UnaryStreamCall[Any, _Message]], timing: WatchTiming
    ) -> None:
        self._connect = connect
        self._timing = timing
        self._stream: UnaryStreamCall[Any, _Message] | None = None

    async def read(self) -> _Message | None:
        """None when the server ended the stream in order. Raises OutdialError, also for one
        that has fallen silent."""
        stream = self._stream = self._stream or self._connect()
        reading = ensure_future(stream.read())
        silence = ensure_future(self._timing.sleep(self._timing.silence_limit.total_seconds()))
        try:
            await asyncio.wait({reading, silence}, return_when=FIRST_COMPLETED)
            if not reading.done():
                raise self._silence_error()
            return cast("_Message | None", _read_result(reading))
        except BaseException:
            # Also when the reader itself is cancelled: a stream with a read that
            # was given up is of no use, the next read connects anew.
            self.disconnect()
            raise
        finally:
            silence.cancel()
            reading.cancel()

    def disconnect(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None

    def _silence_error(self) -> OutdialError:
        seconds = self._timing.silence_limit.total_seconds()
        return UnavailableError(StatusCode.UNAVAILABLE, f"nothing heard for {seconds:g} s")


def _read_result(reading: asyncio.Future[object]) -> object:
    # A stream that the server cancels looks to gRPC's reader like its own
    # cancellation; nobody has cancelled it here.
    if reading.cancelled():
        raise RequestCancelledError(StatusCode.CANCELLED, "the stream was cancelled")
    try:
        message = reading.result()
    except AioRpcError as error:
        raise to_outdial_error(error) from error
    return None if message is EOF else message
