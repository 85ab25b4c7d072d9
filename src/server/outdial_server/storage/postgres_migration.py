"""One transaction on PostgreSQL that looks at the schema, or changes it."""

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from outdial_server.storage.postgres_database import postgres_engine, unavailable_told

T = TypeVar("T")

_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(7166391837)")
"""Any number that others in the same database do not use: those who start at once on an empty
database migrate it one after the other, and all but the first find nothing to do."""


async def with_patience(url: URL, work: Callable[[Connection], T]) -> T:
    """Without the limits of a server: a migration may take its time. One at a time."""

    def alone(connection: Connection) -> T:
        connection.execute(_ONE_AT_A_TIME)
        return work(connection)

    return await _in_one_transaction(create_async_engine(url, hide_parameters=True), alone)


async def as_a_server(url: URL, work: Callable[[Connection], T]) -> T:
    """Raises UnavailableError for a database that cannot be reached."""
    with unavailable_told():
        return await _in_one_transaction(postgres_engine(url), work)


async def _in_one_transaction(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
