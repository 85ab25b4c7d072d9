"""Opening a store by its URL."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.storage.callback_inbox import SqlCallbackInbox
from outdial_server.storage.database import Database
from outdial_server.storage.intake import SqlImports, SqlIntake
from outdial_server.storage.migrate import is_up_to_date, migrate
from outdial_server.storage.postgres_database import PostgresDatabase
from outdial_server.storage.sqlite_database import SqliteDatabase
from outdial_server.storage.stores import (
    SqlAccounts,
    SqlAgents,
    SqlBatches,
    SqlCalls,
    SqlDispatch,
    SqlEventLog,
    SqlFigures,
    SqlRetention,
)


@dataclass(frozen=True, slots=True)
class Store:
    """All ports of the store over one database."""

    database: Database
    accounts: SqlAccounts
    keys: SqlAccounts
    agents: SqlAgents
    batches: SqlBatches
    intake: SqlIntake
    imports: SqlImports
    calls: SqlCalls
    dispatch: SqlDispatch
    events: SqlEventLog
    callbacks: SqlCallbackInbox
    retention: SqlRetention
    figures: SqlFigures

    @property
    def is_alone(self) -> bool:
        """Whether no other server can have this database open."""
        return not self.database.dialect.locks_rows

    async def close(self) -> None:
        await self.database.close()


def store_over(database: Database, telemetry: Telemetry = NO_TELEMETRY) -> Store:
    accounts = SqlAccounts(database)
    return Store(
        database,
        accounts,
        accounts,
        SqlAgents(database),
        SqlBatches(database),
        SqlIntake(database),
        SqlImports(database),
        SqlCalls(database),
        SqlDispatch(database, telemetry),
        SqlEventLog(database),
        SqlCallbackInbox(database),
        SqlRetention(database),
        SqlFigures(database),
    )


def parse_url(url: str) -> URL:
    """`sqlite:///FILE` or `postgresql+asyncpg://...`; raises ValueError for others."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError(f"{url!r} is no database URL: {error}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError(f"{parsed.drivername!r} is not supported; use sqlite or postgresql")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("a SQLite database must be a file, like sqlite:///outdial.db")
    return parsed


def master_key_path(url: str) -> Path:
    """Where an installation keeps its master key: beside its SQLite file, or in the working
    directory of a server on PostgreSQL."""
    parsed = parse_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(f"{parsed.database}.key" if is_file else "outdial.key")


async def open_store(
    url: str,
    clock: Clock,
    ids: IdSource,
    signals: Signals,
    telemetry: Telemetry = NO_TELEMETRY,
    *,
    clock_decides: bool = False,
) -> Store:
    """Brings the schema up to date on SQLite; on PostgreSQL that is `migrate`'s to do,
    and a schema that is behind raises UnavailableError. `clock_decides` lets `clock` be
    the time on PostgreSQL too, for tests."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        sqlite = SqliteDatabase(parsed, clock, ids, signals, telemetry)
        sqlite.lock()
        await asyncio.to_thread(migrate, url)
        await sqlite.open()
        return store_over(sqlite, telemetry)
    if not await asyncio.to_thread(is_up_to_date, url):
        raise UnavailableError(
            Reason.DATABASE_UNAVAILABLE,
            "the database's schema is behind this server; run `outdial-server migrate`",
        )
    postgres = PostgresDatabase(parsed, ids, signals, clock if clock_decides else None, telemetry)
    await postgres.open()
    return store_over(postgres, telemetry)
