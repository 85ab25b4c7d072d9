"""Small RPCs beside a bare grpc.aio server that echoes: same sizes, same client, in turns."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import uvloop
from outdial.v1 import batch_service_pb2 as batches
from outdial.v1 import server_info_service_pb2 as info

from benchmarks.apart import apart
from benchmarks.lists import sqlite_url, store_list
from benchmarks.machine import ProcessIds
from benchmarks.options import Options
from benchmarks.report import Goal, Measure, RowReport, measure, ratio_at_least
from benchmarks.services import HEADERS, Outdial, Service

_GET_SERVER_INFO = "/outdial.v1.ServerInfoService/GetServerInfo"
_GET_BATCH = "/outdial.v1.BatchService/GetBatch"
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Echo:
    """A server that answers every method with as many bytes as the request names."""

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        server.add_generic_rpc_handlers((_EchoHandler(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        yield f"127.0.0.1:{port}"
        await server.stop(None)


class _EchoHandler(grpc.GenericRpcHandler):
    """`/echo/N` answers N bytes."""

    def __init__(self) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        handler = self._handlers.get(details.method)
        if handler is None:
            answer = bytes(int(details.method.rpartition("/")[2]))

            async def echo(request: bytes, context: object) -> bytes:
                return answer

            handler = grpc.unary_unary_rpc_method_handler(echo)
            self._handlers[details.method] = handler
        return handler


@dataclass(frozen=True, slots=True)
class Target:
    address: str
    ids: ProcessIds


@dataclass(frozen=True, slots=True)
class Pace:
    """RPCs in a second, and what one cost the server's process."""

    rate: float
    cpu_us: float


Rounds = Sequence[tuple[Pace, Pace]]
"""Ours and the echo's, round by round."""


def rpc(options: Options) -> Iterator[RowReport]:
    stored = apart(store_list, sqlite_url(options.folder / "outdial.db"), 1)
    amounts = options.amount(4_000, 1_500, 200), max(3, options.rounds * 2 + 1)
    profiles = []
    with (
        _service(options, "ours", Outdial(stored.url)) as ours,
        _service(options, "echo", Echo()) as echo,
    ):
        targets = Target(ours.address, ours.ids), Target(echo.address, echo.ids)
        batch = batches.GetBatchRequest(batch_id=stored.batch_id).SerializeToString()
        server_info = info.GetServerInfoRequest().SerializeToString()
        rounds = {
            "GetServerInfo": apart(measure_rpc, *targets, _GET_SERVER_INFO, server_info, *amounts),
            "GetBatch": apart(measure_rpc, *targets, _GET_BATCH, batch, *amounts),
        }
        if options.profile:
            ours.begin_profile()
            apart(measure_rpc, *targets, _GET_SERVER_INFO, server_info, amounts[0], 1)
            apart(measure_rpc, *targets, _GET_BATCH, batch, amounts[0], 1)
            profiles.append(ours.end_profile("CPU of the loop, GetServerInfo and GetBatch"))
    measures = (
        *_measures("GetServerInfo", rounds["GetServerInfo"], ratio_at_least(0.7)),
        *_measures("GetBatch", rounds["GetBatch"], ratio_at_least(0.4)),
    )
    yield RowReport("rpc", measures, tuple(profiles))


def _service(options: Options, name: str, opens: Outdial | Echo) -> Service:
    folder: Path = options.folder / name
    folder.mkdir()
    return Service(folder, opens)


def _measures(name: str, rounds: Rounds, goal: Goal) -> Iterator[Measure]:
    yield measure(
        f"{name}, {_AT_ONCE} at once",
        "RPC/s",
        [ours.rate for ours, _ in rounds],
        goal,
        limit_name="bare echo",
        limits=[echo.rate for _, echo in rounds],
    )
    yield measure(
        f"CPU of the server, {name}",
        "us",
        [ours.cpu_us for ours, _ in rounds],
        limit_name="bare echo",
        limits=[echo.cpu_us for _, echo in rounds],
    )


def measure_rpc(
    ours: Target, echo: Target, method: str, request: bytes, count: int, rounds: int
) -> Rounds:
    return uvloop.run(_measure_rpc(ours, echo, method, request, count, rounds))


async def _measure_rpc(
    ours: Target, echo: Target, method: str, request: bytes, count: int, rounds: int
) -> Rounds:
    async with (
        grpc.aio.insecure_channel(ours.address) as our_channel,
        grpc.aio.insecure_channel(echo.address) as echo_channel,
    ):
        answer = await our_channel.unary_unary(method)(request, metadata=HEADERS)
        call_ours = our_channel.unary_unary(method)
        call_echo = echo_channel.unary_unary(f"/echo/{len(answer)}")
        done = []
        for _ in range(rounds):
            theirs = await _pace(call_echo, request, count, len(answer), echo.ids)
            done.append((await _pace(call_ours, request, count, len(answer), ours.ids), theirs))
        return done


async def _pace(
    method: grpc.aio.UnaryUnaryMultiCallable,
    request: bytes,
    count: int,
    answer_bytes: int,
    ids: ProcessIds,
) -> Pace:
    numbers = iter(range(count))

    async def call() -> None:
        for _ in numbers:
            answer = await method(request, metadata=HEADERS)
            # A moment in it takes a byte more or less.
            assert abs(len(answer) - answer_bytes) <= 4, "another answer than before"

    began, cpu = time.perf_counter(), ids.cpu_seconds()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(call())
    seconds, used = time.perf_counter() - began, ids.cpu_seconds() - cpu
    return Pace(count / seconds, used.process / count * 1e6)
