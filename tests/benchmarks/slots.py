"""How full the slots are kept, and how soon one that came free is taken again."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import quantiles

import uvloop

from benchmarks.dispatch import short_list
from benchmarks.lists import StoredList
from benchmarks.local_carriers import LocalCarrier, TimedCarrier
from benchmarks.meter import Meter
from benchmarks.options import Options
from benchmarks.product_driver import dial
from benchmarks.report import RowReport, at_least, at_most, measure
from outdial_server.ports.reports import ReportSink

_SLOTS = 100
_CALL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class SlotUse:
    busy_percent: float
    refill_p50_ms: float
    refill_p99_ms: float


def slots(options: Options) -> Iterator[RowReport]:
    calls = options.amount(3_000, 1_500, 200)
    listed = short_list(options, calls, warm_up=options.amount(600, 600, _SLOTS) + _SLOTS)
    ideal, product = [], []
    for seed in range(options.rounds):
        ideal.append(listed.drive(partial(drive_ideal, seed=seed)))
        product.append(listed.drive(partial(drive_product, seed=seed)))
    limit = "a loop that only refills"
    yield RowReport(
        "slots",
        (
            measure(
                "slot-seconds busy, 200 ms calls, 100 slots, never more",
                "%",
                [use.busy_percent for use in product],
                at_least(99),
                limit_name=limit,
                limits=[use.busy_percent for use in ideal],
            ),
            measure(
                "from a call's end to the next request, p50",
                "ms",
                [use.refill_p50_ms for use in product],
                at_most(2),
                limit_name=limit,
                limits=[use.refill_p50_ms for use in ideal],
            ),
            measure(
                "the same, p99",
                "ms",
                [use.refill_p99_ms for use in product],
                at_most(15),
                limit_name=limit,
                limits=[use.refill_p99_ms for use in ideal],
            ),
        ),
    )


def drive_product(stored: StoredList, calls: int, warm_up: int, seed: int) -> SlotUse:
    meter = Meter(calls, warm_up)
    carriers: list[TimedCarrier] = []

    def make_carrier(reports: ReportSink) -> LocalCarrier:
        carrier = TimedCarrier(reports, meter.count, seed, _CALL_SECONDS, _SLOTS)
        carriers.append(carrier)
        return carrier

    uvloop.run(dial(stored, meter, make_carrier))
    (carrier,) = carriers
    return _use(carrier.seen.busy_at, carrier.seen.free_at, calls, warm_up)


def drive_ideal(stored: StoredList, calls: int, warm_up: int, seed: int) -> SlotUse:
    """Timers alone: a call's end begins the next. The list is for the other one."""
    return uvloop.run(_drive_ideal(calls, warm_up, seed))


async def _drive_ideal(calls: int, warm_up: int, seed: int) -> SlotUse:
    loop = asyncio.get_running_loop()
    random = Random(seed)
    done = asyncio.Event()
    busy_at: list[float] = []
    free_at: list[float] = []

    def begin() -> None:
        busy_at.append(time.perf_counter())
        share = random.random() if len(busy_at) <= _SLOTS else 1.0
        loop.call_later(share * _CALL_SECONDS, end)
        if len(busy_at) > warm_up + calls:
            done.set()

    def end() -> None:
        free_at.append(time.perf_counter())
        loop.call_soon(begin)

    for _ in range(_SLOTS):
        begin()
    await done.wait()
    return _use(busy_at, free_at, calls, warm_up)


def _use(busy_at: Sequence[float], free_at: Sequence[float], calls: int, warm_up: int) -> SlotUse:
    """Slots are alike: the one that came free first is the one taken first."""
    until = warm_up + calls
    delays = [busy_at[n] - free_at[n - _SLOTS] for n in range(warm_up, until)]
    assert min(delays) >= 0, "a request left before a slot was free"
    begin, end = busy_at[warm_up], busy_at[until - 1]
    busy_seconds = _seconds_after(busy_at, begin, end) - _seconds_after(free_at, begin, end)
    cuts = quantiles(delays, n=100)
    share = busy_seconds / (_SLOTS * (end - begin))
    return SlotUse(share * 100, cuts[49] * 1000, cuts[98] * 1000)


def _seconds_after(moments: Sequence[float], begin: float, end: float) -> float:
    """From each moment to the end, within the measurement: of the beginnings of calls less
    that of their ends, it is the time that they lasted."""
    return sum(max(0.0, end - max(moment, begin)) for moment in moments)
