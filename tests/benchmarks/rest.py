"""The REST surface beside gRPC on the same server, and its JSON beside protobuf's own."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import grpc.aio
import uvloop
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from benchmarks.apart import apart
from benchmarks.lists import StoredList, large_list
from benchmarks.machine import ProcessIds
from benchmarks.options import Options
from benchmarks.report import RowReport, measure, ratio_at_least, ratio_at_most
from benchmarks.services import HEADERS, Outdial, Service
from outdial_server.gateway.encoding import to_json
from support.grpc import call

_AT_ONCE = 16
_PAGE = 100


@dataclass(frozen=True, slots=True)
class OnBothPorts:
    """Its address is that of gRPC, then that of HTTP."""

    server: Outdial

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        async with self.server.running() as running:
            yield f"127.0.0.1:{running.grpc_port} 127.0.0.1:{running.http_port}"


def rest(options: Options) -> Iterator[RowReport]:
    stored = large_list(options)
    count, rounds = options.amount(4_000, 1_500, 200), max(3, options.rounds)
    with Service(options.folder, OnBothPorts(Outdial(stored.url))) as server:
        addresses = server.address.split()
        over_http, over_grpc = apart(get_costs, *addresses, server.ids, stored, count, rounds)
        ours, protobufs = apart(page_costs, addresses[0], stored, count // 20, rounds)
    yield RowReport(
        "rest",
        (
            measure(
                f"CPU of the server, GetBatch over HTTP, {_AT_ONCE} at once",
                "us",
                over_http,
                ratio_at_most(2.0),
                limit_name="over gRPC",
                limits=over_grpc,
            ),
            measure(
                f"pages of {_PAGE} calls into JSON",
                "pages/s",
                ours,
                ratio_at_least(4.0),
                limit_name="MessageToJson",
                limits=protobufs,
            ),
        ),
    )


def get_costs(
    grpc_address: str,
    http_address: str,
    ids: ProcessIds,
    stored: StoredList,
    count: int,
    rounds: int,
) -> tuple[list[float], list[float]]:
    """Microseconds of the server's CPU for one, over HTTP and over gRPC, round by round."""
    return uvloop.run(_get_costs(grpc_address, http_address, ids, stored, count, rounds))


async def _get_costs(
    grpc_address: str,
    http_address: str,
    ids: ProcessIds,
    stored: StoredList,
    count: int,
    rounds: int,
) -> tuple[list[float], list[float]]:
    url = f"http://{http_address}/outdial/v1/batches/{stored.batch_id}"
    async with (
        grpc.aio.insecure_channel(grpc_address) as channel,
        aiohttp.ClientSession(headers=dict(HEADERS)) as http,
    ):

        async def by_grpc() -> None:
            await call(channel, "GetBatch", HEADERS, batch_id=stored.batch_id)

        async def by_http() -> None:
            async with http.get(url) as answer:
                assert json.loads(await answer.read())["batch"]["batchId"] == stored.batch_id

        over_http, over_grpc = list[float](), list[float]()
        for _ in range(rounds):
            over_grpc.append(await _cpu_us(by_grpc, count, ids))
            over_http.append(await _cpu_us(by_http, count, ids))
    return over_http, over_grpc


async def _cpu_us(get: Callable[[], Awaitable[None]], count: int, ids: ProcessIds) -> float:
    numbers = iter(range(count))

    async def some() -> None:
        for _ in numbers:
            await get()

    before = ids.cpu_seconds()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(some())
    return (ids.cpu_seconds() - before).process / count * 1e6


def page_costs(
    address: str, stored: StoredList, count: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Pages in a second, ours and protobuf's, round by round."""
    page = uvloop.run(_page(address, stored))
    assert json.loads(to_json(page)) == json.loads(MessageToJson(page))
    ours, protobufs = list[float](), list[float]()
    for _ in range(rounds):
        protobufs.append(_rate(lambda: MessageToJson(page, indent=None), count))
        ours.append(_rate(lambda: to_json(page), count))
    return ours, protobufs


async def _page(address: str, stored: StoredList) -> Message:
    async with grpc.aio.insecure_channel(address) as channel:
        page: Message = await call(
            channel, "ListScheduledCalls", HEADERS, batch_id=stored.batch_id, page_size=_PAGE
        )
    return page


def _rate(encode: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        encode()
    return count / (time.perf_counter() - began)
