"""The raw limit of watching: grpc.aio streams that carry as many bytes as often, with nothing
behind them."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio

METHOD = "/bare/Watch"
_EVENT_BYTES = 130
"""About as many as an event of a call has in a message of WatchBatch."""


@dataclass(frozen=True, slots=True)
class BareStreams:
    """Events that come evenly, told to every stream together once an interval."""

    events_per_second: int
    interval_ms: int

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        told = Told()
        server.add_generic_rpc_handlers((_Handler(told),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        telling = asyncio.create_task(self._tell(told))
        yield f"127.0.0.1:{port}"
        telling.cancel()
        await server.stop(None)

    async def _tell(self, told: "Told") -> None:
        step_ns = 1_000_000_000 // self.events_per_second
        event_ns = time.time_ns()
        while True:
            await asyncio.sleep(self.interval_ms / 1000)
            now_ns = time.time_ns()
            moments = list(range(event_ns, now_ns, step_ns))
            event_ns += len(moments) * step_ns
            told.tell(packed(moments))


class Told:
    """What is told next; one future for all streams."""

    def __init__(self) -> None:
        self._next: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def tell(self, message: bytes) -> None:
        now, self._next = self._next, asyncio.get_running_loop().create_future()
        now.set_result(message)

    async def wait(self) -> bytes:
        return await asyncio.shield(self._next)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, told: Told) -> None:
        async def watch(request: bytes, context: grpc.aio.ServicerContext) -> None:
            while True:
                await context.write(await told.wait())

        self._handler = grpc.unary_stream_rpc_method_handler(watch)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._handler


def packed(moments: list[int]) -> bytes:
    """Events by their moments, and bytes to the length of real ones."""
    body = struct.pack(f"<I{len(moments)}q", len(moments), *moments)
    return body.ljust(_EVENT_BYTES * len(moments), b"\0")


def unpacked(message: bytes) -> tuple[int, ...]:
    (count,) = struct.unpack_from("<I", message)
    return struct.unpack_from(f"<{count}q", message, 4)
