"""One SQLite file: a single writer in a thread of its own, readers beside it."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry, Transaction
from outdial_server.storage.database import name_of
from outdial_server.storage.dialects.sqlite import SqliteDialect
from outdial_server.storage.sqlite_connection import (
    WRITER_CACHE_KIB,
    SqliteConnection,
    prepare_connection,
)
from outdial_server.storage.sqlite_faults import unavailable
from outdial_server.storage.sqlite_readers import SqliteReaders
from outdial_server.storage.tx import Tx

T = TypeVar("T")
G = TypeVar("G", bound=Sized)

_READERS: Final = 4
_FIRST_READERS: Final = 2


class FileLock:
    """Keeps a second server off the same file: two writers would each believe that all
    leases are theirs."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = None
            raise UnavailableError(
                Reason.DATABASE_UNAVAILABLE,
                f"another server has {self._path.name.removesuffix('.lock')} open; one SQLite "
                "file serves one server, use PostgreSQL for more",
            ) from None

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class SqliteDatabase:
    def __init__(
        self,
        url: URL,
        clock: Clock,
        ids: IdSource,
        signals: Signals,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self.dialect = SqliteDialect()
        self._clock = clock
        self._ids = ids
        self._signals = signals
        self._telemetry = telemetry
        self._lock = FileLock(Path(url.database or "outdial.db"))
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outdial-writer")
        self._path = url.database or ""
        self._readers = SqliteReaders(self._path, _READERS)
        self._first_readers = SqliteReaders(self._path, _FIRST_READERS)
        self._writer: SqliteConnection | None = None

    def lock(self) -> None:
        """Before all else: not even the schema is touched under another server."""
        self._lock.acquire()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._writer = await loop.run_in_executor(self._thread, SqliteConnection.writer, self._path)
        for readers in (self._readers, self._first_readers):
            await asyncio.to_thread(readers.open)

    async def write(self, verb: Callable[[Tx], T]) -> T:
        transaction = self._telemetry.transaction(name_of(verb))
        async with self._turn:
            transaction.begun()
            return await self._commit(verb, transaction)

    async def write_group(self, take: Callable[[], G], verb: Callable[[Tx, G], T]) -> T:
        transaction = self._telemetry.transaction(name_of(verb))
        async with self._turn:
            group = take()
            transaction.begun(len(group))
            return await self._commit(lambda tx: verb(tx, group), transaction)

    async def _commit(self, verb: Callable[[Tx], T], transaction: Transaction) -> T:
        loop = asyncio.get_running_loop()
        # Shielded: a caller that goes away must not leave the turn while the thread is
        # still in its transaction.
        work = loop.run_in_executor(self._thread, self._transact, verb)
        try:
            result, tx = await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            if work.exception() is None:
                self._tell(work.result()[1], transaction)
            raise
        except sqlite3.OperationalError as error:
            transaction.rolled_back()
            raise self._unavailable(error) from error
        except Exception:
            transaction.rolled_back()
            raise
        self._tell(tx, transaction)
        return result

    def _tell(self, tx: Tx, transaction: Transaction) -> None:
        self._signals.publish(tx.touched)
        transaction.committed(tx.happened)

    def _transact(self, verb: Callable[[Tx], T]) -> tuple[T, Tx]:
        assert self._writer is not None, "open() comes first"
        with self._writer.transaction() as statements:
            tx = Tx(statements, self.dialect, self._ids, self._clock.now())
            return verb(tx), tx

    async def read(self, verb: Callable[[Tx], T]) -> T:
        return await self._read(self._readers, verb)

    async def read_first(self, verb: Callable[[Tx], T]) -> T:
        return await self._read(self._first_readers, verb)

    async def _read(self, readers: SqliteReaders, verb: Callable[[Tx], T]) -> T:
        now = self._clock.now()
        try:
            return await readers.read(lambda s: verb(Tx(s, self.dialect, self._ids, now)))
        except sqlite3.OperationalError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: sqlite3.Error) -> UnavailableError:
        self._signals.wake(Topic.DATABASE)
        return unavailable(error, self._path)

    async def close(self) -> None:
        async with self._turn:
            for readers in (self._readers, self._first_readers):
                await asyncio.to_thread(readers.close)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._close_writer)
        self._thread.shutdown()
        self._lock.release()

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()


def migration_engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        hide_parameters=True,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        """The driver's own way of opening transactions is switched off; ours is explicit."""
        prepare_connection(connection, WRITER_CACHE_KIB)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
