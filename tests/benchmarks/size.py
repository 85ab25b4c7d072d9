"""What a long list costs: memory while it waits and is dialled, and room on the disk."""

from collections.abc import Iterator
from pathlib import Path

import uvloop
from outdial.v1.batch_pb2 import BatchState
from outdial.v1.batch_service_pb2 import WatchScope

from benchmarks.apart import apart
from benchmarks.lists import StoredList, large_list, opened, sqlite_url, store_list
from benchmarks.options import Options
from benchmarks.product_driver import drive_product
from benchmarks.report import RowReport, at_most, measure
from benchmarks.services import API_KEY, SIMULATED, Outdial, Service
from outdial_client import Client

_MB = 1e6
_SPARE = 10_000
"""Rows behind those that are dialled: the batch does not end before it is paused."""


def memory(options: Options) -> Iterator[RowReport]:
    calls = options.amount(5_000, 2_000, 200)
    few = apart(store_list, sqlite_url(options.folder / "few.db"), calls + _SPARE)
    many = large_list(options)
    fresh = _most_bytes(options, "fresh", few, calls)
    full = _most_bytes(options, "full", many, calls)
    yield RowReport(
        "memory",
        (
            measure(
                f"memory for {many.rows:,} waiting, {calls:,} of them dialled",
                "MB more",
                [(full - fresh) / _MB],
                at_most(100),
                limit_name="a fresh server, as many dialled",
                limits=[fresh / _MB],
            ),
        ),
    )


def _most_bytes(options: Options, name: str, stored: StoredList, calls: int) -> int:
    folder = options.folder / name
    folder.mkdir()
    with Service(folder, Outdial(stored.url, SIMULATED)) as server:
        apart(dial_some, server.address, stored.batch_id, calls)
        return server.ids.rss_most_bytes()


def dial_some(address: str, batch_id: str, calls: int) -> None:
    """Dials at least as many, and leaves the batch paused."""
    uvloop.run(_dial_some(address, batch_id, calls))


async def _dial_some(address: str, batch_id: str, calls: int) -> None:
    async with Client(address, api_key=API_KEY) as client:
        before = (await client.batches.get(batch_id)).counts.completed
        await _begin(client, batch_id)
        scope = WatchScope.WATCH_SCOPE_BATCH
        async for update in client.batches.watch(batch_id, scope=scope):
            if update.counts.completed - before >= calls:
                break
        paused = await client.batches.pause(batch_id)
    assert paused.sends_in_flight == 0, "a request is still out"


def begin_dialling(address: str, batch_id: str) -> None:
    """Once the server is there."""
    uvloop.run(_begin_dialling(address, batch_id))


async def _begin_dialling(address: str, batch_id: str) -> None:
    async with Client(address, api_key=API_KEY) as client:
        await _begin(client, batch_id)


async def _begin(client: Client, batch_id: str) -> None:
    batch = await client.batches.get(batch_id)
    is_draft = batch.state == BatchState.BATCH_STATE_DRAFT
    await (client.batches.start if is_draft else client.batches.resume)(batch_id)


def disk(options: Options) -> Iterator[RowReport]:
    rows = options.amount(10_000, 4_000, 300)
    folder = options.folder
    apart(store_list, sqlite_url(folder / "empty.db"), 0)
    stored = apart(store_list, sqlite_url(folder / "full.db"), rows)
    waiting = _size(folder / "full.db") - _size(folder / "empty.db")
    drive = apart(drive_product, stored, rows // 2, rows // 4, 0)
    ended = _size(folder / "full.db") - _size(folder / "empty.db")
    dialled = apart(completed, stored)
    # Of each call that ended: its part of the list, and what dialling it added.
    per_call = waiting / rows + (ended - waiting) / dialled
    assert drive.calls < dialled <= rows
    yield RowReport(
        "disk",
        (
            measure(
                "database bytes of an ended call with its events, no payload",
                "bytes",
                [per_call],
                at_most(450),
                limit_name="while it waits",
                limits=[waiting / rows],
            ),
        ),
    )


def completed(stored: StoredList) -> int:
    return uvloop.run(_completed(stored))


async def _completed(stored: StoredList) -> int:
    async with opened(stored.url) as base:
        batch = await base.store.batches.get_batch(stored.account_id, stored.batch_id)
        return batch.counts.completed


def _size(path: Path) -> int:
    """Of a database that nobody has open: all of it is in its one file."""
    assert not path.with_name(f"{path.name}-wal").exists(), "somebody has it open"
    return path.stat().st_size
