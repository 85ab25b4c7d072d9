"""A long import into a fresh server, beside a batch that is dialled all the while."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import uvloop

from benchmarks.apart import apart
from benchmarks.create import storing_seconds
from benchmarks.http_carrier import QUICK, carrier_process
from benchmarks.lists import people, sqlite_url, store_list
from benchmarks.options import Options
from benchmarks.report import RowReport, at_most, measure
from benchmarks.services import API_KEY, Outdial, Service
from benchmarks.size import begin_dialling
from outdial_client import Client, NewBatch, NewCall
from support.processes import CALLBACK_SECRET, free_port, requested_at_us

_SLOTS = 40
# Some 200 requests a second, one by one: a stall shows as a gap between two of them.
_PROFILE = {**QUICK, "talk_ms": "100-300"}
_OTHERS = 40_000
_SETTLING_SECONDS = 1
_CONTROL_SECONDS = 4
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, by the machine's clock."""

    begin_us: int
    end_us: int

    @property
    def seconds(self) -> float:
        return (self.end_us - self.begin_us) / 1e6


@dataclass(frozen=True, slots=True)
class Imported:
    seconds: float
    most_bytes: int
    gap_ms: float
    gap_without_ms: float
    profile: str


def importing(options: Options) -> Iterator[RowReport]:
    rows = options.amount(100_000, 30_000, 2_000)
    file = options.folder / "empty.db"
    empty = apart(store_list, sqlite_url(file), 0)
    rounds, raw = [], []
    for number in range(options.rounds):
        folder = options.folder / str(number)
        folder.mkdir()
        raw.append(storing_seconds(folder, empty, file, rows)[1])
        rounds.append(_imported(folder, rows, profiled=False))
    profiles = []
    if options.profile:
        folder = options.folder / "profiled"
        folder.mkdir()
        profiles.append(_imported(folder, rows, profiled=True).profile)
    yield RowReport(
        "import",
        (
            measure(
                f"import of {rows:,} rows beside dialling, durable",
                "s",
                [one.seconds for one in rounds],
                limit_name="raw executemany",
                limits=raw,
            ),
            measure(
                "the most memory that the server took",
                "MB",
                [one.most_bytes / _MB for one in rounds],
                at_most(250),
            ),
            measure(
                "longest gap between requests of another batch",
                "ms",
                [one.gap_ms for one in rounds],
                at_most(100),
                limit_name="without the import",
                limits=[one.gap_without_ms for one in rounds],
            ),
        ),
        tuple(profiles),
    )


def _imported(folder: Path, rows: int, *, profiled: bool) -> Imported:
    stored = apart(store_list, sqlite_url(folder / "server.db"), _OTHERS, _SLOTS)
    port = free_port()
    with carrier_process(folder, _PROFILE) as (carrier, _):
        settings = (
            ("http_listen", f"127.0.0.1:{port}"),
            ("simulated_carrier_url", carrier.url),
            ("simulated_carrier_secret", CALLBACK_SECRET),
        )
        with Service(folder, Outdial(stored.url, settings)) as server:
            apart(begin_dialling, server.address, stored.batch_id)
            if profiled:
                server.begin_profile()
            without, during = apart(import_rows, server.address, rows)
            most_bytes = server.ids.rss_most_bytes()
            profile = server.end_profile("CPU of the loop, import") if profiled else ""
        at_us = requested_at_us(carrier.log)
    return Imported(
        during.seconds,
        most_bytes,
        longest_gap_ms(at_us, during),
        longest_gap_ms(at_us, without),
        profile,
    )


def longest_gap_ms(at_us: Sequence[int], span: Span) -> float:
    within = [moment for moment in at_us if span.begin_us <= moment <= span.end_us]
    gaps = pairwise((span.begin_us, *within, span.end_us))
    return max(later - earlier for earlier, later in gaps) / 1000


def import_rows(address: str, rows: int) -> tuple[Span, Span]:
    """As long without it before, as a control; then the import."""
    return uvloop.run(_import_rows(address, rows))


async def _import_rows(address: str, rows: int) -> tuple[Span, Span]:
    calls = (NewCall(address=row.address) for row in people(rows))
    async with Client(address, api_key=API_KEY) as client:
        agent = await client.agents.create("Import")
        # As it begins: the first calls all go at once.
        await asyncio.sleep(_SETTLING_SECONDS)
        without = _now_us()
        await asyncio.sleep(_CONTROL_SECONDS)
        began = _now_us()
        result = await client.batches.import_rows(
            calls, new_batch=NewBatch(agent_id=agent.agent_id, display_name="Long"), draft=True
        )
        ended = _now_us()
        batch = await client.batches.get(result.batch.batch_id)
    assert batch.counts.waiting == rows, "some were not imported"
    return Span(without, began), Span(began, ended)


def _now_us() -> int:
    return time.time_ns() // 1000
