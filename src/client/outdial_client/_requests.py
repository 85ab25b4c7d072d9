"""Sends one request: key, deadline and errors in one place."""

from asyncio import CancelledError, InvalidStateError, current_task
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import (
    AioRpcError,
    StreamUnaryCall,
    StreamUnaryMultiCallable,
    UnaryStreamCall,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)

from outdial_client._errors import RequestCancelledError
from outdial_client._status import to_outdial_error

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)
_Answer = TypeVar("_Answer")

# A pause waits for the answers that carriers still owe, a large batch for its
# rows to be stored: both take longer than an ordinary request may.
LONG_REQUEST_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests under one key."""

    api_key: str
    timeout: timedelta
    new_request_id: Callable[[], str] = lambda: str(uuid4())

    async def send(
        self,
        method: UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        *,
        long: bool = False,
    ) -> _Response:
        """The answer to `request`; raises OutdialError.

        A request that has a `request_id` gets one here, so that gRPC's retries and
        a retry by the caller with the same message are carried out once.
        """
        self._identify(request)
        seconds = self.timeout.total_seconds() * (LONG_REQUEST_FACTOR if long else 1)
        return await self.answer(method(request, timeout=seconds, metadata=self._metadata()))

    async def answer(self, call: Awaitable[_Answer]) -> _Answer:
        """What comes of a call; raises OutdialError."""
        try:
            return await call
        except AioRpcError as error:
            raise to_outdial_error(error) from error
        except CancelledError:
            # gRPC reports a request that the server cancelled as if this task had
            # been cancelled; only then there was no demand for it.
            if _is_being_cancelled():
                raise
            message = "cancelled by the server"
            raise RequestCancelledError(StatusCode.CANCELLED, message) from None

    def open_stream(
        self,
        method: UnaryStreamMultiCallable[_Request, _Response],
        request: _Request,
    ) -> UnaryStreamCall[_Request, _Response]:
        """A stream without a deadline; its reads raise what gRPC raises."""
        return method(request, metadata=self._metadata())

    def open_upload(
        self, method: StreamUnaryMultiCallable[_Request, _Response]
    ) -> StreamUnaryCall[_Request, _Response]:
        """A stream of requests without a deadline; see `put` and `answer`."""
        return method(metadata=self._metadata())

    def _identify(self, request: Any) -> None:
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = self.new_request_id()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-api-key", self.api_key),) if self.api_key else ()


async def put(call: StreamUnaryCall[_Request, _Response], request: _Request) -> bool:
    """Sends one more message; False when the call is over and has its answer."""
    try:
        await call.write(request)
    except (AioRpcError, InvalidStateError):
        return False
    except CancelledError:
        if _is_being_cancelled():
            raise
        return False
    return True


def _is_being_cancelled() -> bool:
    task = current_task()
    return task is None or task.cancelling() > 0
