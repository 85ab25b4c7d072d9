"""Which schema a SQLite file has."""

from contextlib import closing
from typing import Final

from outdial_server.storage.opening import SqliteFile
from outdial_server.storage.revisions import is_current
from outdial_server.storage.sqlite_connection import SqliteConnection

_IS_MIGRATED: Final = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"


def has_current_schema(file: SqliteFile) -> bool:
    """Looks as a writer: a file that cannot be written is of no use."""
    with (
        closing(SqliteConnection.writer(file.path)) as connection,
        connection.transaction() as statements,
    ):

        def read(sql: str) -> str | None:
            row = statements.first(sql, {})
            return None if row is None else row.text

        return is_current(read, is_empty=statements.first(_IS_MIGRATED, {}) is None)
