"""What the stores promise when the database misbehaves, or is not there."""

import asyncio
import os
import sqlite3
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.ports.signals import Topic
from outdial_server.storage import postgres_database
from outdial_server.storage.encoding import micros
from outdial_server.storage.postgres_database import PostgresDatabase, unavailable_told
from outdial_server.storage.sqlite_database import SqliteDatabase
from outdial_server.storage.sqlite_faults import unavailable
from outdial_server.storage.statements import ConstraintError
from outdial_server.storage.store import open_store
from outdial_server.storage.tx import Tx
from support.clock import ManualClock, ManualSignals
from support.databases import PostgresServer
from support.stores import World, settled

NUMBER = "+15550001234"


@dataclass(slots=True)
class PostgresWorld:
    world: World
    server: PostgresServer
    database: str

    async def connect(self) -> Any:
        """A connection that is none of the store's, without its limits."""
        return await asyncpg.connect(
            host=self.server.socket_dir, user="postgres", database=self.database
        )


@pytest.fixture
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in getattr(request, "param", {}).items():
        if name in ("_COMMAND_SECONDS", "_CONNECTION_SECONDS"):
            monkeypatch.setattr(postgres_database, name, value)
        else:
            monkeypatch.setitem(postgres_database._SESSION, name, value)


@pytest.fixture
async def postgres(
    limits: None, postgres_server: PostgresServer, clock: ManualClock, ids: Any
) -> AsyncIterator[PostgresWorld]:
    name = await postgres_server.new_database()
    signals = ManualSignals(clock)
    store = await open_store(postgres_server.url(name), clock, ids, signals, clock_decides=True)
    yield PostgresWorld(await settled(store, clock, ids), postgres_server, name)
    await store.close()
    await postgres_server.drop_database(name)


def limited(**limits: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("limits", [limits], indirect=True, ids=["limited"])


@pytest.mark.postgres
async def test_each_session_has_its_limits(postgres: PostgresWorld) -> None:
    assert await postgres.world.sql("SHOW lock_timeout") == [("10s",)]
    assert await postgres.world.sql("SHOW idle_in_transaction_session_timeout") == [("10s",)]


@pytest.mark.postgres
@limited(_CONNECTION_SECONDS=0)
async def test_a_connection_that_is_too_old_is_made_anew_before_it_is_used(
    postgres: PostgresWorld,
) -> None:
    """It may have been dropped while it stood by."""
    peer = await postgres.connect()
    try:
        ended = await peer.fetchval(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await peer.close()
    assert ended > 0
    assert await postgres.world.sql("SELECT 1") == [(1,)]


@pytest.mark.postgres
@limited(idle_in_transaction_session_timeout="300ms", lock_timeout="5s")
async def test_a_peer_that_freezes_in_a_transaction_does_not_stop_its_successor(
    postgres: PostgresWorld,
) -> None:
    database = postgres.world.store.database
    assert isinstance(database, PostgresDatabase)
    frozen = await database._engine.connect()
    await frozen.execute(text("SELECT key FROM accounts FOR UPDATE"))
    await postgres.world.execute("UPDATE accounts SET display_name = 'after'")
    assert await postgres.world.sql("SELECT display_name FROM accounts") == [("after",)]
    await frozen.invalidate()
    await frozen.close()


@pytest.mark.postgres
@limited(lock_timeout="100ms")
async def test_a_lock_that_is_never_given_up_is_told_as_unavailable(
    postgres: PostgresWorld,
) -> None:
    peer = await postgres.connect()
    async with peer.transaction():
        await peer.execute("SELECT key FROM accounts FOR UPDATE")
        with pytest.raises(UnavailableError) as caught:
            await postgres.world.execute("UPDATE accounts SET display_name = 'after'")
        assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    await peer.close()
    await postgres.world.execute("UPDATE accounts SET display_name = 'after'")


@pytest.mark.postgres
@limited(lock_timeout="1s")
async def test_a_lock_that_took_too_long_once_is_waited_for_again(
    postgres: PostgresWorld,
) -> None:
    peer = await postgres.connect()
    async with peer.transaction():
        await peer.execute("SELECT key FROM accounts FOR UPDATE")
        update = asyncio.create_task(
            postgres.world.execute("UPDATE accounts SET display_name = 'after'")
        )
        # The peer is busy, with the lock in its hands, for longer than one wait for it.
        await peer.execute("SELECT pg_sleep(1.3)")
        assert not update.done()
    await update
    await peer.close()


@pytest.mark.postgres
@limited(_COMMAND_SECONDS=0.3)
async def test_a_statement_without_end_is_told_as_unavailable_and_the_next_works(
    postgres: PostgresWorld,
) -> None:
    with pytest.raises(UnavailableError):
        await postgres.world.sql("SELECT pg_sleep(60)")
    with pytest.raises(UnavailableError):
        await postgres.world.store.database.write(lambda tx: tx.scalar("SELECT pg_sleep(60)"))
    assert await postgres.world.sql("SELECT 1") == [(1,)]


@pytest.mark.postgres
async def test_a_database_that_takes_no_connections_is_told_as_unavailable(
    postgres: PostgresWorld,
) -> None:
    database = postgres.world.store.database
    await postgres.server.execute(
        f"ALTER DATABASE {postgres.database} ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{postgres.database}'",
    )
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await database.read(lambda tx: tx.scalar("SELECT 1"))
        with pytest.raises(UnavailableError):
            await database.write(lambda tx: tx.scalar("SELECT 1"))
    await postgres.server.execute(f"ALTER DATABASE {postgres.database} ALLOW_CONNECTIONS true")
    assert await database.read(lambda tx: tx.scalar("SELECT 1")) == 1


async def test_a_server_that_is_not_there_is_told_as_unavailable(
    clock: ManualClock, ids: Any, tmp_path: Any
) -> None:
    url = f"postgresql+asyncpg://postgres@/outdial?host={tmp_path}"
    with pytest.raises(UnavailableError):
        await open_store(url, clock, ids, ManualSignals(clock))


@asynccontextmanager
async def written_by_nobody(world: World, why: Reason) -> AsyncIterator[None]:
    """Lets SQLite's writer meet its own limit, or the server refuse to write."""
    database = world.store.database
    if isinstance(database, SqliteDatabase):
        before, after = _PRAGMAS[why]
        assert database._writer is not None
        writer = database._writer._connection
        writer.execute(before)
        yield
        writer.execute(after)
        return
    assert isinstance(database, PostgresDatabase)

    def refuse(connection: Any, *_: Any) -> None:
        connection.exec_driver_sql(_ON_POSTGRES[why])

    event.listen(database._engine.sync_engine, "begin", refuse)
    yield
    event.remove(database._engine.sync_engine, "begin", refuse)


_PRAGMAS = {
    Reason.DATABASE_FULL: ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 4294967294"),
    Reason.DATABASE_READ_ONLY: ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
}

_ON_POSTGRES = {
    Reason.DATABASE_FULL: "DO $$ BEGIN RAISE SQLSTATE '53100'; END $$",
    Reason.DATABASE_READ_ONLY: "SET TRANSACTION READ ONLY",
}


@pytest.mark.parametrize("why", [Reason.DATABASE_FULL, Reason.DATABASE_READ_ONLY])
async def test_what_cannot_be_written_is_told_by_its_cause_and_works_again_afterwards(
    world: World, signals: ManualSignals, why: Reason
) -> None:
    await world.batch(2000)
    async with written_by_nobody(world, why):
        with pytest.raises(UnavailableError) as caught:
            await world.batch(2000)
        assert caught.value.reason is why
        assert caught.value.__cause__ is not None
    # Whoever watches over the database is woken.
    await signals.wait(Topic.DATABASE, None)
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]
    assert await world.claim()


async def test_a_beat_writes(world: World, clock: ManualClock) -> None:
    await world.store.quarantine.beat()
    assert await world.sql("SELECT seen_us FROM installation") == [(micros(clock.now()),)]
    async with written_by_nobody(world, Reason.DATABASE_READ_ONLY):
        with pytest.raises(UnavailableError):
            await world.store.quarantine.beat()


@pytest.mark.parametrize(
    ("code", "path", "reason"),
    [
        (sqlite3.SQLITE_FULL, "/", Reason.DATABASE_FULL),
        (sqlite3.SQLITE_READONLY, "/", Reason.DATABASE_READ_ONLY),
        (sqlite3.SQLITE_READONLY_DBMOVED, "/", Reason.DATABASE_READ_ONLY),
        (sqlite3.SQLITE_IOERR_WRITE, "/", Reason.DATABASE_UNAVAILABLE),
        (sqlite3.SQLITE_IOERR_WRITE, "/nowhere/at/all", Reason.DATABASE_UNAVAILABLE),
        (sqlite3.SQLITE_BUSY, "/", Reason.DATABASE_UNAVAILABLE),
    ],
)
def test_errors_of_sqlite_are_told_by_their_cause(code: int, path: str, reason: Reason) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    assert unavailable(error, path).reason is reason


def test_an_error_on_a_file_system_that_became_read_only_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    flags = SimpleNamespace(f_flag=os.ST_RDONLY | os.ST_NOSUID)
    monkeypatch.setattr(os, "statvfs", {"/data/outdial.db": flags}.__getitem__)
    assert unavailable(error, "/data/outdial.db").reason is Reason.DATABASE_READ_ONLY


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeoutError("QueuePool limit of size 16 reached"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.ObjectNotInPrerequisiteStateError("not currently accepting connections"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_says_that_the_database_is_not_there_is_told_as_unavailable(
    error: Exception,
) -> None:
    with pytest.raises(UnavailableError) as caught, unavailable_told():
        raise error
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE


def test_a_fault_of_ours_is_not_told_as_unavailable() -> None:
    for error in (asyncpg.UndefinedColumnError("no such column"), KeyError("x")):
        with pytest.raises(type(error)), unavailable_told():
            raise error


async def test_the_error_of_a_failing_statement_holds_no_phone_number(world: World) -> None:
    await world.batch(1)

    def twice(tx: Tx) -> None:
        for _ in range(2):
            tx.run(
                "INSERT INTO scheduled_calls (id, batch_key, position, address, rank) "
                "SELECT :id, key, 5, :address, NULL FROM batches",
                id=b"x" * 16,
                address=NUMBER,
            )

    with pytest.raises(ConstraintError) as caught:
        await world.store.database.write(twice)
    assert NUMBER not in _told(caught.value)
    with pytest.raises((asyncpg.PostgresError, UnavailableError)) as caught:
        await world.store.database.read(
            lambda tx: tx.all("SELECT nothing FROM batches WHERE caller_id = :it", it=NUMBER)
        )
    assert NUMBER not in _told(caught.value)


def _told(error: BaseException) -> str:
    """As a log shows it: the error and all that it came from."""
    return "".join(traceback.format_exception(error))


_EVENT = ("batch_key", "seq", "at_us", "type", "cause", "state", "reason", "total")


def _events(count: int) -> list[tuple[Any, ...]]:
    """With nulls here and there, and a column of nothing else."""
    return [(7, n, n, 1, f"{n}", 1, None if n % 3 else f"r{n}", None) for n in range(count)]


@pytest.mark.parametrize("count", [1, 24, 25, 26, 50, 101])
async def test_rows_go_in_as_they_are_however_many(world: World, count: int) -> None:
    await world.store.database.write(lambda tx: tx.insert("events", _EVENT, _events(count)))
    columns = ", ".join(_EVENT)
    stored = await world.sql(f"SELECT {columns} FROM events WHERE batch_key = 7 ORDER BY seq")
    assert stored == _events(count)


@pytest.mark.parametrize("twice", [3, 24, 25, 59])
async def test_of_rows_one_of_which_is_refused_none_is_stored(world: World, twice: int) -> None:
    rows = _events(60)
    rows[twice] = rows[0]
    with pytest.raises(ConstraintError):
        await world.store.database.write(lambda tx: tx.insert("events", _EVENT, rows))
    assert await world.sql("SELECT seq FROM events WHERE batch_key = 7") == []
