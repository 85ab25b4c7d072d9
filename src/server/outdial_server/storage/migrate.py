"""Migrations: additive, run by Alembic, the same for both databases.

Alembic, and what PostgreSQL needs, are loaded where they are used: a server on SQLite whose
schema is current does without, and starts sooner.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from outdial_server.storage.opening import parse_url, refusals_in_words
from outdial_server.storage.revisions import is_current
from outdial_server.storage.sqlite_database import migration_engine


def migrate(url: str | URL) -> None:
    """Brings the schema up to date. Not from within an event loop's thread. Raises
    CannotOpenError and UnavailableError, as when a store is opened."""
    parsed = url if isinstance(url, URL) else parse_url(url)
    with refusals_in_words(parsed):
        if parsed.get_backend_name() == "sqlite":
            with _connected(parsed) as connection:
                _bring_up_to_date(connection)
        else:
            from outdial_server.storage.postgres_migration import (  # noqa: PLC0415
                as_a_server,
                with_patience,
            )

            if not asyncio.run(as_a_server(parsed, is_current)):
                asyncio.run(with_patience(parsed, _bring_up_to_date))


def is_up_to_date(url: str | URL) -> bool:
    """Not from within an event loop's thread."""
    parsed = url if isinstance(url, URL) else parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        with _connected(parsed) as connection:
            return is_current(connection)
    from outdial_server.storage.postgres_migration import as_a_server  # noqa: PLC0415

    return asyncio.run(as_a_server(parsed, is_current))


def _bring_up_to_date(connection: Connection) -> None:
    if not is_current(connection):
        from outdial_server.storage.alembic_upgrade import upgrade  # noqa: PLC0415

        upgrade(connection)


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    engine = migration_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
