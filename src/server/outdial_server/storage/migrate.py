"""Migrations: additive, run by Alembic, the same for both databases."""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from outdial_server.storage.postgres_database import postgres_engine, unavailable_told
from outdial_server.storage.sqlite_database import migration_engine

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")


def _at_head(connection: Connection) -> bool:
    present = MigrationContext.configure(connection).get_current_revision()
    return present == ScriptDirectory.from_config(_config()).get_current_head()


def migrate(url: str) -> None:
    """Brings the schema up to date. Not from within an event loop's thread."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = migration_engine(parsed)
        with engine.begin() as connection:
            _upgrade(connection)
        engine.dispose()
    else:
        asyncio.run(_migrate_postgres(parsed))


async def _migrate_postgres(url: URL) -> None:
    # Without the limits of a server: a migration may take its time.
    engine = create_async_engine(url, hide_parameters=True)
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)
    await engine.dispose()


def is_up_to_date(url: str) -> bool:
    """Not from within an event loop's thread."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = migration_engine(parsed)
        with engine.begin() as connection:
            at_head = _at_head(connection)
        engine.dispose()
        return at_head
    return asyncio.run(_postgres_up_to_date(parsed))


async def _postgres_up_to_date(url: URL) -> bool:
    engine = postgres_engine(url)
    with unavailable_told():
        async with engine.begin() as connection:
            at_head: bool = await connection.run_sync(_at_head)
    await engine.dispose()
    return at_head
