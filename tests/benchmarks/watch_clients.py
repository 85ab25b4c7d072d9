"""Watchers in a process of their own. While they listen they only note when which bytes came;
what these say is read afterwards, so that reading it delays nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import quantiles
from typing import Self

import grpc.aio
import uvloop
from google.protobuf.duration_pb2 import Duration
from outdial.v1.batch_service_pb2 import (
    WatchBatchRequest,
    WatchBatchResponse,
    WatchDelivery,
    WatchScope,
)

from benchmarks.bare_streams import METHOD, unpacked
from benchmarks.machine import CpuSeconds, ProcessIds
from benchmarks.services import HEADERS
from support.grpc import call

_WATCH = "/outdial.v1.BatchService/WatchBatch"
_CONNECTIONS = 4
_PATIENCE_SECONDS = 60
_LATE_NS = 1_000_000_000
"""Events of the last second of a window may still be on their way at its end."""


@dataclass(frozen=True, slots=True)
class Crowd:
    watchers: int
    interval_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """From an event's transaction to its receipt, over all watchers and all events."""

    p50_ms: float
    p99_ms: float
    events: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of dialling, and what those heard who watched it."""

    seconds: float
    calls: int
    cpu: CpuSeconds
    heard: Heard | None

    @property
    def cpu_us_per_call(self) -> float:
        return self.cpu.process / self.calls * 1e6


Record = list[tuple[int, bytes]]
"""Moments of receipt, and the messages."""
Moments = Callable[[Record], Iterator[tuple[int, int]]]
"""Of each event, when it came and when it happened."""


def hear(
    address: str, ids: ProcessIds, batch_id: str, crowds: Sequence[Crowd], seconds: float
) -> list[Window]:
    """One window after the other, in a batch that is dialled all the while."""
    return uvloop.run(_hear(address, ids, batch_id, crowds, seconds))


async def _hear(
    address: str, ids: ProcessIds, batch_id: str, crowds: Sequence[Crowd], seconds: float
) -> list[Window]:
    async with grpc.aio.insecure_channel(address) as control:

        async def completed() -> int:
            answer = await call(control, "GetBatch", HEADERS, batch_id=batch_id)
            return int(answer.batch.counts.completed)

        windows = []
        for crowd in crowds:
            request = await _request_from_now(control, batch_id, crowd.interval_ms)
            async with _Streams(address, _WATCH, request, crowd.watchers) as streams:
                calls, cpu = await completed(), ids.cpu_seconds()
                began_ns = time.time_ns()
                await asyncio.sleep(seconds)
                used = ids.cpu_seconds() - cpu
                ended_ns = time.time_ns()
                dialled = await completed() - calls
            heard = _heard(streams.records, _event_moments, began_ns, ended_ns)
            windows.append(Window((ended_ns - began_ns) / 1e9, dialled, used, heard))
        return windows


def hear_bare(address: str, crowd: Crowd, seconds: float) -> Heard:
    """The same over streams that have nothing behind them."""
    return uvloop.run(_hear_bare(address, crowd, seconds))


async def _hear_bare(address: str, crowd: Crowd, seconds: float) -> Heard:
    async with _Streams(address, METHOD, b"", crowd.watchers) as streams:
        began_ns = time.time_ns()
        await asyncio.sleep(seconds)
        ended_ns = time.time_ns()
    heard = _heard(streams.records, _bare_moments, began_ns, ended_ns)
    assert heard is not None
    return heard


async def _request_from_now(channel: grpc.aio.Channel, batch_id: str, interval_ms: int) -> bytes:
    """Without a snapshot of the whole list: from where the batch stands."""
    scope = WatchScope.WATCH_SCOPE_BATCH
    standing = await call(channel, "WatchBatch", HEADERS, batch_id=batch_id, scope=scope)
    return WatchBatchRequest(
        batch_id=batch_id,
        resume_token=standing.resume_token,
        delivery=WatchDelivery.WATCH_DELIVERY_EVERY_EVENT,
        min_interval=Duration(nanos=interval_ms * 1_000_000),
    ).SerializeToString()


class _Streams:
    """Open streams, all of which have heard something."""

    def __init__(self, address: str, method: str, request: bytes, count: int) -> None:
        self._address = address
        self._method = method
        self._request = request
        self._count = count
        self._stack = AsyncExitStack()
        self._readers: list[asyncio.Task[None]] = []
        self.records: list[Record] = [[] for _ in range(count)]

    async def __aenter__(self) -> Self:
        channels = [
            await self._stack.enter_async_context(
                grpc.aio.insecure_channel(
                    self._address, options=(("grpc.use_local_subchannel_pool", 1),)
                )
            )
            for _ in range(_CONNECTIONS if self._count else 0)
        ]
        heard = [asyncio.Event() for _ in self.records]
        for number, record in enumerate(self.records):
            method = channels[number % _CONNECTIONS].unary_stream(self._method)
            stream = method(self._request, metadata=HEADERS)
            reader = asyncio.create_task(_read(stream, record, heard[number]))
            self._readers.append(reader)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            for event in heard:
                await event.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for reader in self._readers:
            assert not reader.done(), f"a stream ended: {reader.exception()!r}"
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._stack.aclose()


async def _read(stream: AsyncIterator[bytes], record: Record, heard: asyncio.Event) -> None:
    async for message in stream:
        record.append((time.time_ns(), message))
        heard.set()


def _heard(
    records: Sequence[Record], moments: Moments, began_ns: int, ended_ns: int
) -> Heard | None:
    if not records:
        return None
    counts = set()
    latencies: list[float] = []
    for record in records:
        of_one = [
            (came_ns - happened_ns) / 1e6
            for came_ns, happened_ns in moments(record)
            if began_ns <= happened_ns < ended_ns - _LATE_NS
        ]
        counts.add(len(of_one))
        latencies += of_one
    assert len(counts) == 1, f"some heard more than others: {sorted(counts)}"
    cuts = quantiles(latencies, n=100)
    return Heard(cuts[49], cuts[98], counts.pop())


def _event_moments(record: Record) -> Iterator[tuple[int, int]]:
    sequence = 0
    for came_ns, message in record:
        for event in WatchBatchResponse.FromString(message).events:
            assert sequence in (0, event.sequence - 1), "an event is missing or told twice"
            sequence = event.sequence
            yield came_ns, event.time.seconds * 1_000_000_000 + event.time.nanos


def _bare_moments(record: Record) -> Iterator[tuple[int, int]]:
    for came_ns, message in record:
        for happened_ns in unpacked(message):
            yield came_ns, happened_ns
