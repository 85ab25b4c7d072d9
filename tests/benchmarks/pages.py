"""Reading from long lists: a page far down, and the counts of a batch."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import grpc.aio
import uvloop

from benchmarks.apart import apart
from benchmarks.lists import StoredList, large_list, sqlite_path
from benchmarks.options import Options
from benchmarks.report import RowReport, at_most, measure, ratio_at_most
from benchmarks.services import HEADERS, Outdial, Service
from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.storage.dialects.sqlite import SqliteDialect
from outdial_server.storage.sqlite_connection import SqliteConnection
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_from, find_batch
from support.grpc import call

_PAGE = 50
_WALK_PAGE = 1000


def pages(options: Options) -> Iterator[RowReport]:
    stored = large_list(options)
    depth = options.amount(90_000, 90_000, 3_000)
    repeats = options.amount(300, 100, 20)
    rounds = max(3, options.rounds)
    counts, raw = apart(count_costs, stored, repeats * 5, rounds)
    profiles = []
    with Service(options.folder, Outdial(stored.url)) as server:
        deep, first = apart(page_costs, server.address, stored, depth, repeats, rounds)
        if options.profile:
            server.begin_profile()
            apart(page_costs, server.address, stored, depth, repeats, 1)
            profiles.append(server.end_profile("CPU of the loop, ListScheduledCalls"))
    yield RowReport(
        "pages",
        (
            measure(
                f"a page of {_PAGE} at depth {depth:,} of {stored.rows:,}",
                "ms",
                deep,
                ratio_at_most(1.5),
                limit_name="the first page",
                limits=first,
            ),
            measure(
                f"counts of a batch of {stored.rows:,}",
                "ms",
                counts,
                at_most(0.1),
                limit_name="its row by raw sqlite3",
                limits=raw,
            ),
        ),
        tuple(profiles),
    )


Costs = tuple[Sequence[float], Sequence[float]]
"""Milliseconds, by round."""


def page_costs(address: str, stored: StoredList, depth: int, repeats: int, rounds: int) -> Costs:
    return uvloop.run(_page_costs(address, stored, depth, repeats, rounds))


async def _page_costs(
    address: str, stored: StoredList, depth: int, repeats: int, rounds: int
) -> Costs:
    async with grpc.aio.insecure_channel(address) as channel:

        async def read(size: int, token: str) -> Any:
            return await call(
                channel,
                "ListScheduledCalls",
                HEADERS,
                batch_id=stored.batch_id,
                page_size=size,
                page_token=token,
            )

        token = ""
        for _ in range(depth // _WALK_PAGE):
            token = (await read(_WALK_PAGE, token)).next_page_token
        page = await read(_PAGE, token)
        assert page.scheduled_calls[0].position == depth, "the walk lost its way"
        deep, first = [], []
        for _ in range(rounds):
            costs: dict[str, list[float]] = {"": [], token: []}
            for _ in range(repeats):
                for at, taken in costs.items():
                    began = time.perf_counter()
                    await read(_PAGE, at)
                    taken.append(time.perf_counter() - began)
            first.append(median(costs[""]) * 1000)
            deep.append(median(costs[token]) * 1000)
    return deep, first


def count_costs(stored: StoredList, repeats: int, rounds: int) -> Costs:
    """Of the store's verb, in its thread, beside the driver's own read of that row."""
    path = sqlite_path(stored)
    clock = SystemClock()
    ids = UuidV7Ids(clock)
    writer = SqliteConnection.writer(path)
    connection = sqlite3.connect(path)
    ours, raw = [], []
    with writer.transaction() as statements:
        tx = Tx(statements, SqliteDialect(), ids, clock.now())

        def verb() -> None:
            batch = batch_from(find_batch(tx, stored.account_id, stored.batch_id))
            assert batch.counts.total == stored.rows

        def by_driver() -> None:
            key = bytes.fromhex(stored.batch_id.replace("-", ""))
            connection.execute("SELECT * FROM batches WHERE id = ?", (key,)).fetchone()

        for _ in range(rounds):
            ours.append(_median_ms(verb, repeats))
            raw.append(_median_ms(by_driver, repeats))
    connection.close()
    writer.close()
    return ours, raw


def _median_ms(function: Callable[[], None], repeats: int) -> float:
    costs = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        costs.append(time.perf_counter() - began)
    return median(costs) * 1000
