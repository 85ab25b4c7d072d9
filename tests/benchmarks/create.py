"""CreateBatch with a long list, over gRPC, until it is durable."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import uvloop
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from benchmarks.apart import apart
from benchmarks.lists import (
    CARRIER,
    StoredList,
    copied,
    opened,
    people,
    slices_of,
    sqlite_url,
    store_batch,
    store_list,
)
from benchmarks.options import Options
from benchmarks.report import RowReport, at_most, measure, ratio_at_least
from benchmarks.services import HEADERS, SIMULATED, Outdial, Service, nothing
from outdial_server.app.server import leave_out_of_collections
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.ids import BatchId
from outdial_server.ports.intake import NewBatch
from support.grpc import call

_COLUMNS = (
    "id, batch_key, position, address, normalized_address, custom_id, time_zone, caller_id, "
    "priority, context_json, metadata_json, rank, due_us"
)


@dataclass(frozen=True, slots=True)
class Created:
    seconds: float
    hold_ms: float
    idle_hold_ms: float
    profile: str


def create(options: Options) -> Iterator[RowReport]:
    rows = options.amount(100_000, 30_000, 2_000)
    file = options.folder / "empty.db"
    empty = apart(store_list, sqlite_url(file), 0)
    created, raw, stored = [], [], []
    for number in range(options.rounds):
        folder = options.folder / str(number)
        folder.mkdir()
        ours, bare = storing_seconds(folder, empty, file, rows)
        stored.append(ours)
        raw.append(bare)
        server = copied(empty, file, folder / "server.db")
        created.append(_created(folder, server, rows, profiled=False))
    profiles = []
    if options.profile:
        folder = options.folder / "profiled"
        folder.mkdir()
        server = copied(empty, file, folder / "server.db")
        profiles.append(_created(folder, server, rows, profiled=True).profile)
    yield RowReport(
        "create",
        (
            measure(
                f"CreateBatch of {rows:,} calls over gRPC, durable",
                "s",
                [one.seconds for one in created],
                at_most(1.5),
                limit_name="raw executemany",
                limits=raw,
            ),
            measure(
                f"storing {rows:,} rows",
                "rows/s",
                [rows / seconds for seconds in stored],
                ratio_at_least(0.5),
                limit_name="raw executemany",
                limits=[rows / seconds for seconds in raw],
            ),
            measure(
                "longest hold of the event loop, less an idle loop's",
                "ms",
                [max(0.0, one.hold_ms - one.idle_hold_ms) for one in created],
                at_most(50),
                limit_name="idle loop",
                limits=[one.idle_hold_ms for one in created],
            ),
        ),
        tuple(profiles),
    )


def storing_seconds(folder: Path, empty: StoredList, file: Path, rows: int) -> tuple[float, float]:
    """By the store, and by the driver alone."""
    ours, bare = folder / "ours.db", folder / "raw.db"
    seconds = apart(store_rows, copied(empty, file, ours), rows)
    copied(empty, file, bare)
    return seconds, apart(insert_raw, ours, bare, rows)


def _created(folder: Path, stored: StoredList, rows: int, *, profiled: bool) -> Created:
    idle_folder = folder / "idle"
    idle_folder.mkdir()
    with (
        Service(folder, Outdial(stored.url, SIMULATED), probed=not profiled) as server,
        Service(idle_folder, nothing, probed=True) as idle,
    ):
        if profiled:
            server.begin_profile()
        server.take_hold_ms()
        idle.take_hold_ms()
        seconds = apart(create_over_grpc, server.address, rows)
        hold_ms, idle_ms = server.take_hold_ms(), idle.take_hold_ms()
        profile = server.end_profile("CPU of the loop, CreateBatch") if profiled else ""
    return Created(seconds, hold_ms, idle_ms, profile)


def create_over_grpc(address: str, rows: int) -> float:
    return uvloop.run(_create_over_grpc(address, rows))


async def _create_over_grpc(address: str, rows: int) -> float:
    async with grpc.aio.insecure_channel(address) as channel:
        agent = (await call(channel, "CreateAgent", HEADERS, agent=Agent(display_name="B"))).agent
        request = CreateBatchRequest(
            batch=Batch(display_name="Reminders", agent_id=agent.agent_id),
            scheduled_calls=[ScheduledCall(address=row.address) for row in people(rows)],
            draft=True,
        )
        began = time.perf_counter()
        answer = await call(channel, "CreateBatch", HEADERS, request)
        seconds = time.perf_counter() - began
    assert answer.batch.counts.waiting == rows, "some were not stored"
    return seconds


def store_rows(stored: StoredList, rows: int) -> float:
    """The storage step alone, from checked rows on."""
    return uvloop.run(_store_rows(stored, rows))


async def _store_rows(stored: StoredList, rows: int) -> float:
    slices = list(slices_of(rows))
    async with opened(stored.url) as base:
        batch_id = BatchId(base.ids.new_id())
        new = NewBatch(
            batch_id,
            stored.account_id,
            stored.agent_id,
            CARRIER,
            DuplicatePolicy.KEEP,
            BatchSettings("Reminders"),
            draft=True,
        )
        # As in a server. Else the first slice looks all that was loaded, and the list itself,
        # through for garbage: a tenth of a second, however short the list.
        leave_out_of_collections()
        began = time.perf_counter()
        await store_batch(base.store, new, slices)
        seconds = time.perf_counter() - began
        batch = await base.store.batches.get_batch(stored.account_id, batch_id)
    assert batch.counts.waiting == rows, "some were not stored"
    return seconds


def insert_raw(source: Path, target: Path, rows: int) -> float:
    """The same rows, by the driver alone, in one transaction."""
    values = _rows_of(source)
    assert len(values) == rows, "other rows than were stored"
    places = ", ".join("?" * len(values[0]))
    connection = _connected(target)
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO scheduled_calls ({_COLUMNS}) VALUES ({places})", values)
    connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def _rows_of(path: Path) -> Sequence[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT {_COLUMNS} FROM scheduled_calls ORDER BY key").fetchall()
    connection.close()
    batch = _COLUMNS.split(", ").index("batch_key")
    # The batch that the copy has.
    return [(*row[:batch], 1, *row[batch + 1 :]) for row in rows]


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA cache_size = -65536")
    return connection
