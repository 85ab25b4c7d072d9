"""Whole lives of calls on PostgreSQL, as it comes: durable, with its own defaults."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from benchmarks.apart import apart
from benchmarks.bare_drivers import GROUP, drive_groups_async, drive_loops
from benchmarks.dispatch import LEFT, beside_loops, measure_lives, short_list
from benchmarks.lists import StoredList, store_list
from benchmarks.options import Options
from benchmarks.product_driver import drive_product
from benchmarks.profiling import Thread
from benchmarks.report import RowReport, at_least, measure, ratio_at_least
from support.databases import PostgresServer, start_postgres

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FreshDatabases:
    server: PostgresServer
    calls: int
    warm_up: int

    def drive(self, driver: Callable[[StoredList, int, int], T]) -> T:
        name = asyncio.run(self.server.new_database())
        try:
            rows = self.warm_up + self.calls + LEFT
            stored = apart(store_list, self.server.url(name), rows)
            return apart(driver, stored, self.calls, self.warm_up)
        finally:
            asyncio.run(self.server.drop_database(name))


def postgres(options: Options) -> Iterator[RowReport]:
    server = start_postgres(durable=True)
    try:
        yield _measured(options, server)
    finally:
        server.stop()


def _measured(options: Options, server: PostgresServer) -> RowReport:
    calls = options.amount(8_000, 3_000, 300)
    fresh = FreshDatabases(server, calls, options.amount(1_000, 500, GROUP))
    listed = short_list(options, fresh.calls, fresh.warm_up)
    groups, loops, product, on_sqlite = [], [], [], []
    for seed in range(options.rounds):
        groups.append(fresh.drive(drive_groups_async))
        loops.append(fresh.drive(partial(drive_loops, seed=seed)))
        product.append(fresh.drive(partial(drive_product, seed=seed)))
        on_sqlite.append(listed.drive(partial(drive_product, seed=seed)))
    profiles: list[str] = []
    if options.profile:
        # There is no thread that writes: all of it is in the loop's.
        profiled = partial(drive_product, seed=0, profiled=Thread.LOOP)
        profiles.append(fresh.drive(profiled).profile)
    what = "whole lives of calls, PostgreSQL, one server, 100 at once"
    first = measure_lives(what, groups, product, at_least(2000))
    beside_sqlite = measure(
        "the same beside SQLite",
        "calls/s",
        [drive.calls_per_second for drive in product],
        ratio_at_least(0.35),
        limit_name="SQLite FULL",
        limits=[drive.calls_per_second for drive in on_sqlite],
    )
    lines = (first, beside_sqlite, *beside_loops(loops, product))
    return RowReport("postgres", lines, tuple(profiles))
