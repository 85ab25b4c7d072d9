"""What the REST surface asks of the RPCs beneath it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn, Protocol

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

STATUS_KEY = "grpc-status-details-bin"

ReadRequest = Callable[[], Awaitable[Message]]


class Rpc(Protocol):
    """An RPC with all that surrounds it: key, scope, metrics, its line in the log."""

    @property
    def descriptor(self) -> MethodDescriptor: ...

    async def ask(self, read: ReadRequest, context: "RpcContext") -> Message:
        """For one that answers once. `read` is asked when the caller is let in, and may raise
        InvalidFieldsError. Raises RpcRefusedError."""
        ...

    async def stream(self, read: ReadRequest, context: "RpcContext") -> None:
        """For one that answers with a stream, which is written to the context. Like `ask`."""
        ...


class RpcRefusedError(Exception):
    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class RpcContext:
    """As much of a gRPC context as there is without gRPC."""

    def __init__(
        self,
        metadata: Sequence[tuple[str, str]],
        write: Callable[[Message], Awaitable[None]] | None = None,
        trailer: dict[str, str] | None = None,
    ) -> None:
        """`trailer` is filled before the first message is written."""
        self._metadata = metadata
        self._write = write
        self.trailer = {} if trailer is None else trailer

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        return self._metadata

    def set_trailing_metadata(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.trailer.update(pairs)

    async def write(self, message: Message) -> None:
        if self._write is None:
            raise TypeError("this RPC answers once")
        await self._write(message)

    async def abort(self, code: Any, details: str, trailer: Sequence[tuple[str, Any]]) -> NoReturn:
        raise RpcRefusedError(Status.FromString(dict(trailer)[STATUS_KEY]))
