"""RPCs asked from inside this process, through all that surrounds them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from outdial_server.domain.ids import AccountId

STATUS_KEY = "grpc-status-details-bin"

M = TypeVar("M", bound=Message)

# A message, or the bytes of one with a long list.
ReadRequest = Callable[[], Awaitable[Message | bytes]]


class Rpc(Protocol):
    """An RPC with all that surrounds it: key, scope, metrics, its line in the log."""

    @property
    def descriptor(self) -> MethodDescriptor: ...

    @property
    def long_field(self) -> str:
        """The list of its request that may be too long to be read at once; empty for none. Such
        a request may be given as its bytes."""
        ...

    async def ask(self, read: ReadRequest, context: "RpcContext") -> Message:
        """For one that answers once. `read` is asked when the caller is let in, and may raise
        InvalidFieldsError. Raises RpcRefusedError."""
        ...

    async def stream(self, read: ReadRequest, context: "RpcContext") -> None:
        """For one that answers with a stream, which is written to the context. Like `ask`."""
        ...

    async def gather(self, messages: AsyncIterator[Message], context: "RpcContext") -> Message:
        """For one that takes a stream and answers once. Of the stream nothing is read before the
        caller is let in; it may raise InvalidFieldsError. Raises RpcRefusedError."""
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


class RpcTable:
    """RPCs by what they take: no two take the same."""

    def __init__(self, rpcs: Iterable[Rpc]) -> None:
        self._by_request = {rpc.descriptor.input_type.full_name: rpc for rpc in rpcs}

    def taking(self, kind: type[Message]) -> Rpc:
        return self._by_request[kind.DESCRIPTOR.full_name]


class LongRequest(Generic[M]):
    """A request with a long list, put together part by part: parts that follow one another
    merge, and no part is so long that others have to wait for it."""

    def __init__(self, kind: type[M]) -> None:
        self.kind: type[M] = kind
        self._parts: list[bytes] = []

    def add(self, part: M) -> None:
        self._parts.append(part.SerializeToString())

    def headed(self, head: M) -> "LongRequest[M]":
        """The same list with what stands beside it."""
        request = LongRequest(self.kind)
        request._parts = [head.SerializeToString(), *self._parts]
        return request

    def data(self) -> bytes:
        return b"".join(self._parts)


class Caller:
    """Whoever sent one HTTP request, and what it asks of the RPCs."""

    def __init__(
        self, rpcs: RpcTable, secret: str, account_id: AccountId, request_id: str = ""
    ) -> None:
        self.account_id = account_id
        self._rpcs = rpcs
        self._metadata = [("x-api-key", secret)]
        if request_id:
            self._metadata.append(("x-request-id", request_id))

    async def ask(self, request: Message | LongRequest[Any], answer: type[M]) -> M:
        """`answer` is what the RPC answers with. Raises RpcRefusedError."""

        async def read() -> Message | bytes:
            return request.data() if isinstance(request, LongRequest) else request

        kind = request.kind if isinstance(request, LongRequest) else type(request)
        told = await self._rpcs.taking(kind).ask(read, RpcContext(self._metadata))
        if not isinstance(told, answer):
            raise TypeError(f"{kind.__name__} is not answered with {answer.__name__}")
        return told

    async def gather(
        self, kind: type[Message], messages: AsyncIterator[Message], answer: type[M]
    ) -> M:
        """For an RPC that takes a stream of `kind`. Raises RpcRefusedError, and whatever the
        stream does."""
        told = await self._rpcs.taking(kind).gather(messages, RpcContext(self._metadata))
        if not isinstance(told, answer):
            raise TypeError(f"{kind.__name__} is not answered with {answer.__name__}")
        return told
