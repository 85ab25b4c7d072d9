"""What the hot statements cost on SQLite: by their plans, none reads rows, calls or events
from end to end, however many there are."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import CallFilter, Disposition
from outdial_server.domain.number_rules import NumberRules
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.report import ReportKind
from outdial_server.domain.retention import Retention
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.board import Selection
from outdial_server.storage.sqlite_database import SqliteDatabase
from support.databases import Databases, SqliteFiles
from support.stores import (
    RETRY,
    World,
    accepted,
    answered,
    ended,
    new_row,
    not_sent,
    refused,
    report,
    unclear,
)

LARGE = ("scheduled_calls", "calls", "events", "callbacks", "number_calls")
Step = Callable[[World], Awaitable[object]]


@dataclass(slots=True)
class Recorded:
    """Statements that ran, each with the plan that SQLite has for it."""

    plans: dict[str, list[str]] = field(default_factory=dict)

    def full_scans(self) -> list[tuple[str, str]]:
        return [
            (sql, step)
            for sql, plan in self.plans.items()
            for step in plan
            if _scanned(step) in LARGE or (step.endswith(WHOLE_BATCH) and "DELETE" not in sql)
        ]

    def using(self, index: str) -> list[str]:
        return [sql for sql, plan in self.plans.items() if any(index in step for step in plan)]


def _scanned(step: str) -> str:
    """The table that a step scans; empty for a step that searches. Plans name aliases."""
    words = step.split()
    if words[0] != "SCAN":
        return ""
    aliases = {"s": "scheduled_calls", "c": "calls", "e": "events", "n": "number_calls"}
    return aliases.get(words[1], words[1])


# Not of a DELETE: there it is the look for a row that still refers to what is deleted.
WHOLE_BATCH = ("rows_by_position (batch_key=?)", "calls_by_batch (batch_key>?)")


@contextmanager
def recorded(world: World) -> Iterator[Recorded]:
    """Takes down what the writer and the readers run, and explains it afterwards."""
    database = world.store.database
    assert isinstance(database, SqliteDatabase)
    statements: list[str] = []

    plans = Recorded()
    with traced(database, statements):
        yield plans
    plans.plans |= explained(database, statements)


@contextmanager
def traced(database: SqliteDatabase, statements: list[str]) -> Iterator[None]:
    """The driver tells statements with their values in place."""

    connections = [
        database._writer,
        *database._readers._connections,
        *database._first_readers._connections,
    ]
    for connection in connections:
        assert connection is not None
        connection._connection.set_trace_callback(statements.append)
    try:
        yield
    finally:
        for connection in connections:
            assert connection is not None
            connection._connection.set_trace_callback(None)


def writer_of(database: SqliteDatabase) -> sqlite3.Connection:
    assert database._writer is not None
    return database._writer._connection


def explained(database: SqliteDatabase, statements: list[str]) -> dict[str, list[str]]:
    def explain() -> dict[str, list[str]]:
        connection = writer_of(database)
        return {
            statement: [
                row[3]
                for row in connection.execute(
                    "EXPLAIN QUERY PLAN " + statement,
                    [None] * statement.count("?"),
                )
            ]
            for statement in dict.fromkeys(statements)
            if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))
        }

    return database._thread.submit(explain).result()


@pytest.fixture
def databases(sqlite_files: SqliteFiles) -> Databases:
    return sqlite_files


async def _claim(world: World) -> object:
    return await world.claim()


async def _claim_again(world: World) -> object:
    await world.apply(*(not_sent(call) for call in await world.sending(2)))
    world.advance(seconds=2)
    return await world.claim()


async def _send(world: World) -> object:
    return await world.send(await world.claim())


async def _give_back(world: World) -> object:
    calls = await world.claim()
    await world.change(calls[0].batch_id, rules.pause)
    return await world.send(calls)


async def _report(world: World) -> object:
    calls = await world.sending()
    await world.apply(
        *(accepted(c) for c in calls[:4]),
        not_sent(calls[4]),
        refused(calls[5]),
        unclear(calls[6]),
    )
    await world.apply(report(calls[6], ReportKind.NOT_PLACED))
    return await world.apply(*(answered(c) for c in calls[:2]), *(ended(c) for c in calls[:4]))


async def _ask_for_numbers(world: World) -> object:
    """With rules for each number: counted, given back, over."""
    asked = NumberRules(timedelta(minutes=1), 3)
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, number_rules=asked)
    )
    calls = await world.sending()
    return await world.apply(not_sent(calls[0]), *(ended(c) for c in calls[1:3]))


async def _try_again(world: World) -> object:
    """A retry by the batch's policy, and one that it takes back."""
    wait = FixedDelays((timedelta(seconds=1),) * 2)
    policy = RetryPolicy((RetryRule(Disposition.BUSY, wait),))
    (batch,) = (await world.store.batches.list_batches(world.account_id, PageRequest())).items
    await world.edit(batch.batch_id, retry_policy=policy)
    for _ in range(2):
        await world.apply(*(ended(c, Disposition.BUSY) for c in await world.live()))
        world.advance(seconds=1)
    await world.edit(batch.batch_id, retry_policy=None)
    return await world.claim()


async def _reap(world: World) -> object:
    calls = await world.claim()
    await world.send(calls[:3])
    world.advance(minutes=1)
    await world.store.dispatch.reap()
    return await world.store.dispatch.reap(every_lease=True)


async def _look_up(world: World) -> None:
    await world.live()
    world.advance(hours=1)
    silent = await world.store.dispatch.silent_calls(10)
    until = world.later(seconds=1)
    await world.store.dispatch.postpone([(c.call_id, until) for c in silent.calls])


async def _settle(world: World) -> None:
    (batch,) = (await world.store.batches.list_batches(world.account_id, PageRequest())).items
    await world.change(batch.batch_id, rules.cancel)
    await world.settle_all(4)


async def _move_windows(world: World) -> object:
    return await world.store.dispatch.move_windows()


async def _cancel_row(world: World) -> None:
    await world.claim(1)
    (batch,) = (await world.store.batches.list_batches(world.account_id, PageRequest())).items
    for position in (0, 1):
        row = await world.row(batch.batch_id, position)
        await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)


async def _read(world: World) -> object:
    (batch,) = (await world.store.batches.list_batches(world.account_id, PageRequest())).items
    (call, *_) = await world.live()
    log, shown = world.store.events, world.store.calls
    await log.read(batch.batch_id, 0, 10)
    await log.rows(batch.batch_id, -1, 10)
    await log.changed_since(batch.batch_id, 0, 10)
    await shown.list_scheduled_calls(world.account_id, batch.batch_id, PageRequest())
    await shown.list_scheduled_calls(
        world.account_id, batch.batch_id, PageRequest(), custom_id="p1"
    )
    for states in ((), (ScheduledCallState.FAILED,)):
        await shown.export_scheduled_calls(world.account_id, batch.batch_id, 0, 4, states)
    await shown.list_calls(world.account_id, PageRequest(), CallFilter(batch.batch_id))
    await shown.get_call(world.account_id, call.call_id)
    row = await world.row(batch.batch_id)
    return await shown.list_calls(
        world.account_id, PageRequest(), CallFilter(scheduled_call_id=row.scheduled_call_id)
    )


async def _sweep(world: World) -> object:
    return await world.store.dispatch.sweep_staging()


async def _erase(world: World) -> None:
    """Old events, payloads and requests; then a deleted batch, and its calls."""
    (batch,) = (await world.store.batches.list_batches(world.account_id, PageRequest())).items
    await world.apply(*(ended(call) for call in await world.live(3)))
    await world.change(batch.batch_id, rules.cancel)
    await world.settle_all()
    await world.change(batch.batch_id, rules.delete)
    world.advance(days=2)
    one_day = timedelta(days=1)
    for keep in (
        Retention(events=one_day, payloads=one_day, imports=one_day),
        Retention(deleted=one_day, batches=one_day),
        Retention(calls=one_day),
    ):
        while (await world.store.retention.erase(keep, 5)).more:
            pass


async def _append(world: World) -> object:
    (batch,) = (await world.store.batches.list_batches(world.account_id, PageRequest())).items
    return await world.add(batch.batch_id, 2)


async def _audit(world: World) -> object:
    return await world.store.dispatch.audit_slots()


STEPS: list[Step] = [
    _claim,
    _claim_again,
    _send,
    _give_back,
    _report,
    _ask_for_numbers,
    _try_again,
    _reap,
    _look_up,
    _settle,
    _move_windows,
    _cancel_row,
    _read,
    _sweep,
    _append,
    _audit,
    _erase,
]


async def _fill(world: World) -> None:
    rows = [new_row(n, priority=n % 3, custom_id=f"p{n}") for n in range(12)]
    await world.batch(rows, unknown_policy=RETRY, window_end=world.later(days=1))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__.strip("_"))
async def test_no_large_table_is_read_from_end_to_end(world: World, step: Step) -> None:
    await _fill(world)
    with recorded(world) as statements:
        await step(world)
    assert statements.plans
    assert statements.full_scans() == []


async def test_candidates_come_out_of_the_index_in_their_order(world: World) -> None:
    await _fill(world)
    with recorded(world) as statements:
        await world.claim(3)
    candidates = [sql for sql in statements.using("rows_due") if "ORDER BY" in sql]
    assert len(candidates) >= 2
    for sql in candidates:
        assert not [step for step in statements.plans[sql] if "TEMP B-TREE" in step], sql


async def test_rows_to_settle_come_out_of_the_index_that_shrinks_with_them(world: World) -> None:
    await _fill(world)
    with recorded(world) as statements:
        await _settle(world)
    (rows,) = [
        sql for sql in statements.using("rows_due") if "LIMIT" in sql and "ORDER BY s." in sql
    ]
    assert not [step for step in statements.plans[rows] if "TEMP B-TREE" in step]


async def test_a_person_is_found_by_custom_id(world: World) -> None:
    await _fill(world)
    with recorded(world) as statements:
        await _read(world)
    assert statements.using("rows_by_custom_id")


async def test_what_an_account_ended_lately_is_found_newest_first_by_index(world: World) -> None:
    await _fill(world)
    selection, since = Selection(world.account_id), world.later(hours=-1)
    with recorded(world) as statements:
        await world.store.board.look(selection, (), since)
    (ended_lately,) = statements.using("batches_by_end (account_key=? AND ended_us>?)")
    (unfinished,) = statements.using("batches_open")
    for sql in (ended_lately, unfinished):
        assert not [step for step in statements.plans[sql] if "TEMP B-TREE" in step], sql


async def test_what_to_erase_is_found_by_the_indexes_made_for_it(world: World) -> None:
    await _fill(world)
    with recorded(world) as statements:
        await _erase(world)
    for index in (
        "batches_ended",
        "batches_deleted",
        "batches_with_events",
        "batches_with_payloads",
        "batches_erasing",
        "requests_by_expiry",
        "imports_by_age",
    ):
        found = statements.using(index)
        assert found, index
        for sql in found:
            assert not [step for step in statements.plans[sql] if "TEMP B-TREE" in step], sql
