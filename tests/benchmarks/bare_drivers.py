"""The raw limits of dispatch: the store's own transactions without the product around them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import TypeVar

import uvloop

from benchmarks.lists import StoredList, opened, sqlite_path
from benchmarks.local_carriers import INSTANT_MOST_SECONDS
from benchmarks.meter import Drive, Meter
from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.database import Database
from outdial_server.storage.dialects.sqlite import SqliteDialect
from outdial_server.storage.sqlite_connection import SqliteConnection
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import apply_decision
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.reporting import apply_reports
from outdial_server.storage.verbs.sending import mark_sending

T = TypeVar("T")

GROUP = 100
_NO_TEXTS = ParsedAgents()
_CLAIM_MOST = 500
_LIFE = (ReportKind.ACCEPTED, ReportKind.ANSWERED, ReportKind.ENDED)


def _report(call: ClaimedCall, kind: ReportKind) -> CallReport:
    return CallReport(
        call.call_id,
        kind,
        carrier_call_id=f"B{call.address}" if kind is ReportKind.ACCEPTED else "",
        disposition=Disposition.ANSWERED_HUMAN if kind is ReportKind.ENDED else None,
        fence=call.fence if kind is ReportKind.ACCEPTED else None,
    )


def _start_batch(tx: Tx) -> None:
    key = tx.scalar("SELECT key FROM batches")
    apply_decision(tx, key, rules.start)


# --- in groups, without an event loop


def drive_groups(stored: StoredList, calls: int, warm_up: int) -> Drive:
    """The five transactions of a group of calls, one group after the other, in one thread."""
    meter = Meter(calls, warm_up)
    writer = SqliteConnection.writer(sqlite_path(stored))
    transact = _Transactions(writer)
    transact(_start_batch)
    while not meter.done.is_set():
        group = transact(lambda tx: claim(tx, GROUP, _NO_TEXTS)).calls
        for verb in _verbs_of(group, meter):
            transact(verb)
    writer.close()
    return meter.drive


def drive_groups_async(stored: StoredList, calls: int, warm_up: int) -> Drive:
    """The same where the driver needs a loop, as PostgreSQL's does: one transaction after
    the other, by one task."""
    return uvloop.run(_drive_groups_async(stored, calls, warm_up))


async def _drive_groups_async(stored: StoredList, calls: int, warm_up: int) -> Drive:
    meter = Meter(calls, warm_up)
    async with opened(stored.url) as base:
        write = base.store.database.write
        await write(_start_batch)
        while not meter.done.is_set():
            group = (await write(lambda tx: claim(tx, GROUP, _NO_TEXTS))).calls
            for verb in _verbs_of(group, meter):
                await write(verb)
    return meter.drive


def _verbs_of(group: Sequence[ClaimedCall], meter: Meter) -> Iterator[Callable[[Tx], None]]:
    """What follows a claim. A verb that does not do its whole work raises."""
    assert len(group) == GROUP, "the list came to its end"
    for _ in group:
        meter.count()
    yield lambda tx: _send(tx, group)
    for kind in _LIFE:
        reports = [_report(call, kind) for call in group]
        yield lambda tx, reports=reports: _apply(tx, reports)


class _Transactions:
    def __init__(self, writer: SqliteConnection) -> None:
        self._writer = writer
        self._clock = SystemClock()
        self._ids = UuidV7Ids(self._clock)
        self._dialect = SqliteDialect()

    def __call__(self, verb: Callable[[Tx], T]) -> T:
        with self._writer.transaction() as statements:
            return verb(Tx(statements, self._dialect, self._ids, self._clock.now()))


def _send(tx: Tx, group: Sequence[ClaimedCall]) -> None:
    sent = mark_sending(tx, group).sending
    assert len(sent) == len(group), "some were held back"


def _apply(tx: Tx, reports: Sequence[CallReport]) -> None:
    changed = apply_reports(tx, reports, ()).changed
    assert changed == len(reports), f"{changed} of {len(reports)} reports changed something"


# --- on an event loop


def drive_loops(stored: StoredList, calls: int, warm_up: int, seed: int) -> Drive:
    """Three loops over the same verbs, and timers for a carrier. No engine, no ports, no
    task for each call: what an event loop costs at the least."""
    return uvloop.run(_drive_loops(stored, calls, warm_up, seed))


async def _drive_loops(stored: StoredList, calls: int, warm_up: int, seed: int) -> Drive:
    meter = Meter(calls, warm_up)
    async with opened(stored.url) as base:
        await base.store.database.write(_start_batch)
        loops = BareLoops(base.store.database, meter, Random(seed))
        await loops.run()
    return meter.drive


class BareLoops:
    def __init__(self, database: Database, meter: Meter, random: Random) -> None:
        self._database = database
        self._meter = meter
        self._random = random
        self._claimed: deque[ClaimedCall] = deque()
        self._reports: deque[CallReport] = deque()
        self._claim, self._send, self._apply = (asyncio.Event() for _ in range(3))
        self._claim.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(self._each(event, tick))
                for event, tick in (
                    (self._claim, self._claim_some),
                    (self._send, self._send_all),
                    (self._apply, self._apply_all),
                )
            ]
            await self._meter.done.wait()
            for loop in loops:
                loop.cancel()

    async def _each(self, event: asyncio.Event, tick: Callable[[], Awaitable[None]]) -> None:
        while True:
            await event.wait()
            event.clear()
            await tick()

    async def _claim_some(self) -> None:
        claims = await self._database.write(lambda tx: claim(tx, _CLAIM_MOST, _NO_TEXTS))
        if claims.calls:
            self._claimed.extend(claims.calls)
            self._send.set()

    async def _send_all(self) -> None:
        marked = await self._database.write_group(partial(_taken, self._claimed), mark_sending)
        assert not marked.held_back
        for call in marked.sending:
            self._meter.count()
            self._later(call, 0)
        self._claim.set()

    async def _apply_all(self) -> None:
        applied = await self._database.write_group(
            partial(_taken, self._reports), lambda tx, group: apply_reports(tx, group, ())
        )
        if applied.freed:
            self._claim.set()

    def _later(self, call: ClaimedCall, stage: int) -> None:
        wait = self._random.uniform(0, INSTANT_MOST_SECONDS)
        asyncio.get_running_loop().call_later(wait, self._tell, call, stage)

    def _tell(self, call: ClaimedCall, stage: int) -> None:
        self._reports.append(_report(call, _LIFE[stage]))
        self._apply.set()
        if stage + 1 < len(_LIFE):
            self._later(call, stage + 1)


def _taken(items: deque[T]) -> list[T]:
    taken = list(items)
    items.clear()
    return taken
