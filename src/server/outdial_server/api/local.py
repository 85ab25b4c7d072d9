"""The RPCs for callers inside this process: the same handlers, and all that surrounds them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from outdial_server.api.interceptor import Handler, RpcInterceptor
from outdial_server.api.long_list import LONG_FIELD, READERS

Read = Callable[[], Awaitable[Message | bytes]]
"""What an RPC takes; as bytes only where it holds a long list."""


class LocalRpc:
    """One RPC, of whichever kind it is."""

    def __init__(
        self, descriptor: MethodDescriptor, handler: Any, interceptor: RpcInterceptor
    ) -> None:
        self.descriptor = descriptor
        self._method = full_name(descriptor)
        self.long_field = LONG_FIELD if self._method in READERS else ""
        # Of these only that which the RPC is.
        self._asked = interceptor.asked(self._method, handler.unary_unary)
        self._streamed = interceptor.streamed(self._method, handler.unary_stream)
        self._gathered = interceptor.gathered(self._method, handler.stream_unary)

    async def ask(self, read: Read, context: Any) -> Message:
        return await self._asked(self._in_its_form(read), context)

    async def stream(self, read: Read, context: Any) -> None:
        await self._streamed(self._in_its_form(read), context)

    async def gather(self, messages: AsyncIterator[Message], context: Any) -> Message:
        return await self._gathered(messages, context)

    def _in_its_form(self, read: Read) -> Callable[[], Awaitable[Any]]:
        reader = READERS.get(self._method)
        if reader is None:
            return read

        async def read_long() -> object:
            told = await read()
            return reader(told if isinstance(told, bytes) else told.SerializeToString())

        return read_long


def full_name(method: MethodDescriptor) -> str:
    """As gRPC names it."""
    return f"/{method.containing_service.full_name}/{method.name}"


def local_rpcs(
    services: Iterable[ServiceDescriptor],
    handlers: Mapping[str, Handler],
    interceptor: RpcInterceptor,
) -> list[LocalRpc]:
    return [
        LocalRpc(method, handlers[full_name(method)], interceptor)
        for service in services
        for method in service.methods
    ]
