"""Migrations: additive, run by Alembic, the same for both databases.

Alembic, SQLAlchemy, and what PostgreSQL needs, are loaded where they are used: a server on
SQLite whose schema is current does without, and starts sooner.
"""

import asyncio

from outdial_server.storage.opening import Place, SqliteFile, parse_url, refusals_in_words
from outdial_server.storage.sqlite_schema import has_current_schema


def migrate(where: str | Place) -> None:
    """Brings the schema up to date. Not from within an event loop's thread. Raises
    CannotOpenError and UnavailableError, as when a store is opened."""
    place = parse_url(where) if isinstance(where, str) else where
    with refusals_in_words(place):
        if not isinstance(place, SqliteFile):
            from outdial_server.storage.postgres_migration import (  # noqa: PLC0415
                bring_up_to_date,
            )

            asyncio.run(bring_up_to_date(place))
        elif not has_current_schema(place):
            from outdial_server.storage.sqlite_migration import upgrade_file  # noqa: PLC0415

            upgrade_file(place)


def is_up_to_date(url: str) -> bool:
    """Not from within an event loop's thread."""
    place = parse_url(url)
    if isinstance(place, SqliteFile):
        return has_current_schema(place)
    from outdial_server.storage.postgres_migration import is_database_current  # noqa: PLC0415

    return asyncio.run(is_database_current(place))
