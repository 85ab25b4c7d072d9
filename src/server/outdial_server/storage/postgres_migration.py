"""One transaction on PostgreSQL that looks at the schema, or changes it."""

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from outdial_server.storage.postgres_database import postgres_engine, unavailable_told
from outdial_server.storage.revisions import is_current

T = TypeVar("T")

_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(7166391837)")
"""Any number that others in the same database do not use: those who start at once on an empty
database migrate it one after the other, and all but the first find nothing to do."""


async def bring_up_to_date(url: URL) -> None:
    """Raises UnavailableError for a database that cannot be reached."""
    if not await is_database_current(url):
        await _with_patience(url)


async def is_database_current(url: URL) -> bool:
    """Raises UnavailableError for a database that cannot be reached."""
    with unavailable_told():
        return await _in_one_transaction(postgres_engine(url), _has_current_schema)


async def _with_patience(url: URL) -> None:
    """Without the limits of a server: a migration may take its time. One at a time."""
    await _in_one_transaction(create_async_engine(url, hide_parameters=True), _upgrade_alone)


def _upgrade_alone(connection: Connection) -> None:
    connection.execute(_ONE_AT_A_TIME)
    if not _has_current_schema(connection):
        # Loaded here: where nothing is to be migrated, a server starts without it.
        from outdial_server.storage.alembic_upgrade import upgrade  # noqa: PLC0415

        upgrade(connection)


def _has_current_schema(connection: Connection) -> bool:
    def read(sql: str) -> str | None:
        found: str | None = connection.scalar(text(sql))
        return found

    return is_current(read, is_empty=not inspect(connection).has_table("alembic_version"))


async def _in_one_transaction(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
