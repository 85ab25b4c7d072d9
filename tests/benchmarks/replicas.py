"""Whole lives of calls by three servers on one PostgreSQL, beside one."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final, NamedTuple, Self

import orjson
import uvloop

from benchmarks.lists import StoredList, opened
from benchmarks.local_carriers import InstantCarrier, SeenCalls
from benchmarks.machine import ProcessIds, family_cpu_seconds
from benchmarks.options import Options
from benchmarks.postgres import FreshDatabases
from benchmarks.product_driver import change, check, get_batch
from benchmarks.report import Goal, Measure, RowReport, measure, ratio_at_most
from benchmarks.services import Service
from outdial_server.adapters.shared_signals import SharedSignals
from outdial_server.app.foundation import Foundation
from outdial_server.app.server import build_engine, leave_out_of_collections
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.engine import GatheredReports
from outdial_server.ports.signals import Topic
from outdial_server.storage import exchange_hints
from support.databases import PostgresServer, start_postgres

_REPLICAS: Final = 3
_PATIENCE_SECONDS: Final = 180
_SAMPLE_EVERY_SECONDS: Final = 0.02
_ASK_EVERY_SECONDS: Final = 0.25
"""Seldom: each question is work of the database that is measured."""


@asynccontextmanager
async def _joined(url: str) -> AsyncIterator[Foundation]:
    """As one of the servers on a database."""
    async with opened(url) as base:
        assert isinstance(base.signals, SharedSignals), "others have this database open"
        async with exchange_hints(url, base.signals):
            yield base


@dataclass(frozen=True, slots=True)
class Replica:
    """An engine with a carrier that does no work, and leaves what it saw in a file."""

    url: str
    seen: Path
    seed: int

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        async with _joined(self.url) as base:
            reports = GatheredReports(base.signals)
            carrier = InstantCarrier(reports, lambda: None, self.seed)
            engine = build_engine(base, CarrierRegistry(carrier), reports)
            await engine.start()
            leave_out_of_collections()
            yield ""
            await engine.stop()
        self.seen.write_bytes(orjson.dumps(asdict(carrier.seen)))


class _Sample(NamedTuple):
    at: float
    servers_seconds: float
    database_seconds: float


class _Samples:
    """Of the CPU that was used, all the time. So the stretch that is measured can be chosen
    when all carriers have told what they saw, and nobody counts calls together meanwhile."""

    def __init__(self, servers: Sequence[ProcessIds], postmaster: int) -> None:
        self._servers = servers
        self._postmaster = postmaster
        self._over = Event()
        self._thread = Thread(target=self._run, name="samples")
        self._taken: list[_Sample] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def after(self, moment: float) -> _Sample:
        return self._taken[bisect_left(self._taken, (moment,))]

    def _run(self) -> None:
        while not self._over.wait(_SAMPLE_EVERY_SECONDS):
            self._taken.append(
                _Sample(
                    time.perf_counter(),
                    sum(ids.cpu_seconds().process for ids in self._servers),
                    family_cpu_seconds(self._postmaster),
                )
            )


@dataclass(frozen=True, slots=True)
class ReplicasDrive:
    calls_per_second: float
    servers_us: float
    database_us: float

    @classmethod
    def between(cls, begin: _Sample, end: _Sample, calls: int) -> "ReplicasDrive":
        return cls(
            calls / (end.at - begin.at),
            (end.servers_seconds - begin.servers_seconds) / calls * 1e6,
            (end.database_seconds - begin.database_seconds) / calls * 1e6,
        )

    @property
    def cpu_us(self) -> float:
        return self.servers_us + self.database_us


def drive_replicas(
    stored: StoredList,
    calls: int,
    warm_up: int,
    replicas: int,
    postmaster: int,
    folder: Path,
    seed: int,
) -> ReplicasDrive:
    """Dials the whole list, and measures between its beginning and its end."""
    own = folder / f"{replicas}-{seed}"
    own.mkdir()
    files = [own / f"{number}.json" for number in range(replicas)]
    with ExitStack() as stack:
        services = [
            stack.enter_context(Service(own, Replica(stored.url, file, seed * replicas + number)))
            for number, file in enumerate(files)
        ]
        samples = stack.enter_context(_Samples([s.ids for s in services], postmaster))
        before = uvloop.run(_dial_all(stored))
    seen = SeenCalls()
    for file in files:
        seen.add(SeenCalls(**orjson.loads(file.read_bytes())))
    uvloop.run(_judge(stored, before, seen))
    busy_at = sorted(seen.busy_at)
    begin, end = (samples.after(busy_at[n]) for n in (warm_up, warm_up + calls))
    between = bisect_left(busy_at, end.at) - bisect_left(busy_at, begin.at)
    return ReplicasDrive.between(begin, end, between)


async def _dial_all(stored: StoredList) -> Batch:
    """Returns the batch as it was before."""
    async with _joined(stored.url) as base, asyncio.timeout(_PATIENCE_SECONDS):
        before = await get_batch(base, stored)
        await change(base, stored, rules.start)
        base.signals.wake(Topic.CLAIM)
        while (await get_batch(base, stored)).state is not BatchState.COMPLETED:  # noqa: ASYNC110 a hint would wake us for every transaction
            await asyncio.sleep(_ASK_EVERY_SECONDS)
        return before


async def _judge(stored: StoredList, before: Batch, seen: SeenCalls) -> None:
    async with opened(stored.url) as base:
        await check(base, stored, before, seen)


def replicas(options: Options) -> Iterator[RowReport]:
    server = start_postgres(durable=True)
    try:
        yield _measured(options, server)
    finally:
        server.stop()


def _measured(options: Options, server: PostgresServer) -> RowReport:
    calls = options.amount(8_000, 3_000, 300)
    fresh = FreshDatabases(server, calls, options.amount(1_000, 500, 100))

    def drive(count: int, seed: int) -> ReplicasDrive:
        return fresh.drive(
            partial(
                drive_replicas,
                replicas=count,
                postmaster=server.postmaster,
                folder=options.folder,
                seed=seed,
            )
        )

    alone, together = [], []
    for seed in range(options.rounds):
        alone.append(drive(1, seed))
        together.append(drive(_REPLICAS, seed))
    return RowReport("replicas", tuple(_compared(alone, together)))


def _compared(
    alone: Sequence[ReplicasDrive], together: Sequence[ReplicasDrive]
) -> Iterator[Measure]:
    def line(what: str, unit: str, name: str, *goals: Goal) -> Measure:
        return measure(
            what,
            unit,
            [getattr(drive, name) for drive in together],
            *goals,
            limit_name="one server",
            limits=[getattr(drive, name) for drive in alone],
        )

    what = "CPU a call, three servers and PostgreSQL, 100 at once"
    yield line(what, "us", "cpu_us", ratio_at_most(1.3))
    yield line("of that, the servers", "us", "servers_us")
    yield line("of that, PostgreSQL", "us", "database_us")
    yield line("whole lives of calls", "calls/s", "calls_per_second")
