"""Running statements: verbs see rows by the names of their columns, whatever is below."""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from sqlalchemy import Connection, CursorResult, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from outdial_server.storage.schema import metadata

_POSTGRES: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


class Row(Protocol):
    """One row of a result; its columns are attributes."""

    def __getattr__(self, name: str, /) -> Any: ...


class ConstraintError(Exception):
    """A unique index or a CHECK refused the change."""


class Statements(Protocol):
    """The statements of one connection. Parameters are named, `:name` in the text."""

    def all(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row]: ...

    def first(self, sql: str, parameters: Mapping[str, Any]) -> Row | None: ...

    def run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Returns how many rows were changed. Raises ConstraintError."""
        ...

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None: ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Raises ConstraintError."""
        ...

    def update_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Runs what the dialect's `update_each` made; returns how many rows it changed."""
        ...


class SqliteStatements:
    """Over the standard driver itself (docs/adr/0012)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self._row_of: dict[str, Callable[[Sequence[Any]], Row]] = {}

    def all(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
        found = self._cursor.execute(sql, parameters).fetchall()
        return list(map(self._maker(sql), found)) if found else ()

    def first(self, sql: str, parameters: Mapping[str, Any]) -> Row | None:
        # All of them: a statement that was not read to its end stays open.
        found = self._cursor.execute(sql, parameters).fetchall()
        return self._maker(sql)(found[0]) if found else None

    def run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        try:
            return self._cursor.execute(sql, parameters).rowcount
        except sqlite3.IntegrityError as error:
            raise ConstraintError(str(error)) from error

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self._cursor.executemany(sql, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        try:
            self._cursor.executemany(_insert_row(table, tuple(columns)), rows)
        except sqlite3.IntegrityError as error:
            raise ConstraintError(str(error)) from error

    def update_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        return self._cursor.executemany(sql, rows).rowcount

    def _maker(self, sql: str) -> Callable[[Sequence[Any]], Row]:
        """Of the statement that the cursor has just run."""
        maker = self._row_of.get(sql)
        if maker is None:
            maker = _row_of(tuple(column[0] for column in self._cursor.description))
            self._row_of[sql] = maker
        return maker


class SqlAlchemyStatements:
    """Over SQLAlchemy, for drivers that speak asyncio underneath."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
        result = self._connection.execute(_statement(sql), parameters)
        # SQLAlchemy's own rows look a name up at each use.
        return list(map(_row_of(tuple(result.keys())), result.all()))

    def first(self, sql: str, parameters: Mapping[str, Any]) -> Row | None:
        found = self.all(sql, parameters)
        return found[0] if found else None

    def run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        try:
            result: CursorResult[Any] = self._connection.execute(_statement(sql), parameters)
        except IntegrityError as error:
            raise ConstraintError(str(error)) from error
        return result.rowcount

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self._connection.execute(_statement(sql), list(rows))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.run(_insert_arrays(table, tuple(columns)), _arrays(rows))

    def update_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        return self.run(sql, _arrays(rows))


@lru_cache(maxsize=512)
def _row_of(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Row]:
    made: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc] # noqa: PYI024
    return cast(Callable[[Sequence[Any]], Row], made._make)


@lru_cache(maxsize=512)
def _statement(sql: str) -> TextClause:
    """Parsed once: the same clause object also finds SQLAlchemy's compiled form."""
    return text(sql)


def _arrays(rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {f"c{place}": list(column) for place, column in enumerate(zip(*rows, strict=True))}


@lru_cache(maxsize=64)
def _insert_row(table: str, columns: tuple[str, ...]) -> str:
    places = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


@lru_cache(maxsize=64)
def _insert_arrays(table: str, columns: tuple[str, ...]) -> str:
    types = [metadata.tables[table].c[name].type.compile(_POSTGRES) for name in columns]
    arrays = ", ".join(f"CAST(:c{place} AS {kind}[])" for place, kind in enumerate(types))
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"
