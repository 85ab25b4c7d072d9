"""Whole lives of calls on SQLite: claim, SENDING, accepted, answered, ended."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.apart import apart
from benchmarks.bare_drivers import GROUP, drive_groups, drive_loops
from benchmarks.lists import StoredList, copied, large_list, sqlite_url, store_list
from benchmarks.meter import Drive
from benchmarks.options import Options
from benchmarks.product_driver import drive_product
from benchmarks.profiling import Thread
from benchmarks.report import (
    Goal,
    Measure,
    RowReport,
    at_least,
    measure,
    ratio_at_least,
    ratio_at_most,
)
from benchmarks.ruled_lists import store_ruled_list

T = TypeVar("T")

LEFT = 1_000
"""Rows that still wait when a measurement is over: it has no tail."""


@dataclass(frozen=True, slots=True)
class ShortList:
    """A list just long enough, fresh for every drive."""

    stored: StoredList
    file: Path
    calls: int
    warm_up: int

    def drive(self, driver: Callable[[StoredList, int, int], T]) -> T:
        path = self.file.with_name("drive.db")
        try:
            return apart(driver, copied(self.stored, self.file, path), self.calls, self.warm_up)
        finally:
            for left in path.parent.glob("drive.db*"):
                left.unlink()


def short_list(
    options: Options,
    calls: int,
    warm_up: int,
    store: Callable[[str, int], StoredList] = store_list,
) -> ShortList:
    file = options.folder / f"{store.__name__}.db"
    stored = apart(store, sqlite_url(file), warm_up + calls + LEFT)
    return ShortList(stored, file, calls, warm_up)


def dispatch(options: Options) -> Iterator[RowReport]:
    calls = options.amount(12_000, 4_000, 300)
    listed = short_list(options, calls, options.amount(2_000, 1_000, GROUP))
    groups, loops, product = [], [], []
    for seed in range(options.rounds):
        groups.append(listed.drive(drive_groups))
        loops.append(listed.drive(partial(drive_loops, seed=seed)))
        product.append(listed.drive(partial(drive_product, seed=seed)))
    profiles = [
        listed.drive(partial(drive_product, seed=0, profiled=thread)).profile
        for thread in Thread
        if options.profile
    ]
    first = measure_lives(
        "whole lives of calls, SQLite FULL, 100 at once",
        groups,
        product,
        at_least(4000),
        ratio_at_least(0.3),
    )
    yield RowReport("dispatch", (first, *beside_loops(loops, product)), tuple(profiles))


def measure_lives(
    what: str, groups: Sequence[Drive], product: Sequence[Drive], *goals: Goal
) -> Measure:
    return measure(
        what,
        "calls/s",
        [drive.calls_per_second for drive in product],
        *goals,
        limit_name=f"groups of {GROUP}, no loop",
        limits=[drive.calls_per_second for drive in groups],
    )


def beside_loops(loops: Sequence[Drive], product: Sequence[Drive]) -> Iterator[Measure]:
    yield measure(
        "the same beside loops without a product",
        "calls/s",
        [drive.calls_per_second for drive in product],
        limit_name="bare loops",
        limits=[drive.calls_per_second for drive in loops],
    )
    has_writer = product[0].cpu.writer > 0
    for name in ("process", "loop", "writer") if has_writer else ("process",):
        yield measure(
            f"CPU a call, {name}",
            "us",
            [drive.cpu_us(name) for drive in product],
            limit_name="bare loops",
            limits=[drive.cpu_us(name) for drive in loops],
        )


def rules(options: Options) -> Iterator[RowReport]:
    """The same with each rule that there is on, none of which holds anybody back."""
    calls = options.amount(12_000, 4_000, 300)
    warm_up = options.amount(2_000, 1_000, GROUP)
    without = short_list(options, calls, warm_up)
    ruled = short_list(options, calls, warm_up, store_ruled_list)
    free, held = [], []
    for seed in range(options.rounds):
        free.append(without.drive(partial(drive_product, seed=seed)))
        held.append(ruled.drive(partial(drive_product, seed=seed)))
    profiles = [
        ruled.drive(partial(drive_product, seed=0, profiled=thread)).profile
        for thread in Thread
        if options.profile
    ]
    first = measure(
        "whole lives of calls with all rules on",
        "calls/s",
        [drive.calls_per_second for drive in held],
        ratio_at_least(0.7),
        limit_name="without rules",
        limits=[drive.calls_per_second for drive in free],
    )
    cpu = [
        measure(
            f"CPU a call, {name}",
            "us",
            [drive.cpu_us(name) for drive in held],
            limit_name="without rules",
            limits=[drive.cpu_us(name) for drive in free],
        )
        for name in ("process", "loop", "writer")
    ]
    yield RowReport("rules", (first, *cpu), tuple(profiles))


def depth(options: Options) -> Iterator[RowReport]:
    """The same with few and with very many waiting."""
    calls = options.amount(6_000, 2_000, 300)
    warm_up = options.amount(1_000, 500, GROUP)
    few = short_list(options, calls, warm_up)
    large = large_list(options)
    deep, shallow = [], []
    for seed in range(options.rounds):
        shallow.append(few.drive(partial(drive_product, seed=seed)))
        deep.append(apart(drive_product, large, calls, warm_up, seed))
    yield RowReport(
        "depth",
        (
            measure(
                f"CPU of the writer's thread a call at {large.rows:,} waiting",
                "us",
                [drive.cpu_us("writer") for drive in deep],
                ratio_at_most(1.1),
                limit_name=f"down to {LEFT:,}",
                limits=[drive.cpu_us("writer") for drive in shallow],
            ),
            measure(
                f"whole lives of calls at {large.rows:,} waiting",
                "calls/s",
                [drive.calls_per_second for drive in deep],
                ratio_at_least(0.8),
                limit_name=f"down to {LEFT:,}",
                limits=[drive.calls_per_second for drive in shallow],
            ),
        ),
    )
