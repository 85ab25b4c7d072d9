"""Migrations: additive, run by Alembic, the same for both databases."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from outdial_server.storage.opening import CannotOpenError, parse_url, refusals_in_words
from outdial_server.storage.postgres_database import postgres_engine, unavailable_told
from outdial_server.storage.sqlite_database import migration_engine

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    _refuse_newer(connection)
    command.upgrade(_config(connection), "head")


def _at_head(connection: Connection) -> bool:
    _refuse_newer(connection)
    return _present(connection) == _scripts().get_current_head()


def _refuse_newer(connection: Connection) -> None:
    present = _present(connection)
    if present not in {None, *(script.revision for script in _scripts().walk_revisions())}:
        raise CannotOpenError(
            f"the database has schema {present!r}, which this version does not know: a newer "
            "one has migrated it; install that"
        )


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def migrate(url: str | URL) -> None:
    """Brings the schema up to date. Not from within an event loop's thread. Raises
    CannotOpenError and UnavailableError, as when a store is opened."""
    parsed = url if isinstance(url, URL) else parse_url(url)
    with refusals_in_words(parsed):
        if parsed.get_backend_name() == "sqlite":
            with _migration_of(parsed) as connection:
                _upgrade(connection)
        else:
            asyncio.run(_migrate_postgres(parsed))


@contextmanager
def _migration_of(url: URL) -> Iterator[Connection]:
    engine = migration_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


async def _migrate_postgres(url: URL) -> None:
    # Without the limits of a server: a migration may take its time.
    engine = create_async_engine(url, hide_parameters=True)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def is_up_to_date(url: str | URL) -> bool:
    """Not from within an event loop's thread."""
    parsed = url if isinstance(url, URL) else parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        with _migration_of(parsed) as connection:
            return _at_head(connection)
    return asyncio.run(_postgres_up_to_date(parsed))


async def _postgres_up_to_date(url: URL) -> bool:
    engine = postgres_engine(url)
    try:
        with unavailable_told():
            async with engine.begin() as connection:
                at_head: bool = await connection.run_sync(_at_head)
    finally:
        await engine.dispose()
    return at_head
