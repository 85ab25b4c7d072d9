"""Connections to one SQLite file, on the standard driver itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from outdial_server.storage.sqlite_statements import SqliteStatements

WRITER_CACHE_KIB: Final = 64 * 1024
READER_CACHE_KIB: Final = 8 * 1024
_STATEMENTS_CACHED: Final = 512

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    # A checkpoint each 8 MiB: rarer and larger than the default, for fewer stalls.
    "PRAGMA wal_autocheckpoint = 2048",
)


class SqliteConnection:
    """For one thread at a time."""

    def __init__(self, path: str, begin: str, cache_kib: int) -> None:
        # Readers go from thread to thread, and never two at once.
        self._connection = sqlite3.connect(
            path, cached_statements=_STATEMENTS_CACHED, check_same_thread=False
        )
        self._begin = begin
        prepare_connection(self._connection, cache_kib)
        self._statements = SqliteStatements(self._connection)

    @classmethod
    def writer(cls, path: str) -> "SqliteConnection":
        return cls(path, "BEGIN IMMEDIATE", WRITER_CACHE_KIB)

    @classmethod
    def reader(cls, path: str) -> "SqliteConnection":
        return cls(path, "BEGIN", READER_CACHE_KIB)

    @contextmanager
    def transaction(self) -> Iterator[SqliteStatements]:
        self._connection.execute(self._begin)
        try:
            yield self._statements
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite itself has rolled back after some errors, a full disk for one.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()


def prepare_connection(connection: Any, cache_kib: int) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (*_PRAGMAS, f"PRAGMA cache_size = -{cache_kib}"):
        cursor.execute(pragma)
    cursor.close()
