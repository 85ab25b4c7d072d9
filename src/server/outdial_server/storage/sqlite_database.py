"""One SQLite file: a single writer in a thread of its own, readers beside it."""

import asyncio
import sqlite3
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from outdial_server.domain.errors import UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry, Transaction
from outdial_server.storage.database import name_of
from outdial_server.storage.dialects.sqlite import SqliteDialect
from outdial_server.storage.file_lock import FileLock
from outdial_server.storage.opening import SqliteFile
from outdial_server.storage.sqlite_connection import SqliteConnection
from outdial_server.storage.sqlite_faults import unavailable
from outdial_server.storage.sqlite_readers import SqliteReaders
from outdial_server.storage.tx import Tx

T = TypeVar("T")
G = TypeVar("G", bound=Sized)

_READERS: Final = 4
_FIRST_READERS: Final = 2


class SqliteDatabase:
    def __init__(
        self,
        file: SqliteFile,
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
        self._lock = FileLock(Path(file.path))
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outdial-writer")
        self._path = file.path
        self._readers = SqliteReaders(self._path, _READERS)
        self._first_readers = SqliteReaders(self._path, _FIRST_READERS)
        self._writer: SqliteConnection | None = None

    def lock(self) -> None:
        """Before all else: not even the schema is touched under another server."""
        self._lock.acquire()

    @property
    def noted_us(self) -> int | None:
        """Up to when the file that was open last knew of what its server did; None where nobody
        has said so."""
        return self._lock.noted_us

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
            result = verb(tx)
        if tx.seen_us is not None:
            self._lock.note(tx.seen_us)
        return result, tx

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
