"""Connections that read, beside the writer. A read is one hop to a thread and back, however
many statements it has."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from outdial_server.storage.sqlite_connection import SqliteConnection
from outdial_server.storage.statements import Statements

T = TypeVar("T")


class SqliteReaders:
    """As many threads as connections, so that a read that runs always finds one."""

    def __init__(self, path: str, count: int) -> None:
        self._path = path
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="outdial-reader")
        self._connections: list[SqliteConnection] = []
        self._free: deque[SqliteConnection] = deque()

    def open(self) -> None:
        """Once the schema is there."""
        for _ in range(self._count):
            self._connections.append(SqliteConnection.reader(self._path))
        self._free.extend(self._connections)

    async def read(self, verb: Callable[[Statements], T]) -> T:
        """Raises sqlite3.OperationalError. Left early, a verb still runs to its end."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, verb)

    def _run(self, verb: Callable[[Statements], T]) -> T:
        connection = self._free.pop()
        try:
            with connection.transaction() as statements:
                return verb(statements)
        finally:
            self._free.append(connection)

    def close(self) -> None:
        """Waits for what is being read."""
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()
