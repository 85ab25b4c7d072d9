"""Statements on asyncpg itself, within what SQLAlchemy keeps: its pool, its transactions."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from outdial_server.storage.schema import metadata
from outdial_server.storage.statements import ConstraintError, Row, row_of

_POSTGRES: Final = postgresql.dialect()  # type: ignore[no-untyped-call]

_CONSTRAINT: Final = "23"
"""How the SQLSTATEs of violated constraints begin."""


class AsyncpgStatements:
    """Inside SQLAlchemy's `run_sync`. The transaction must have begun, which it does with the
    first statement that goes through SQLAlchemy."""

    def __init__(self, connection: Connection) -> None:
        adapted: Any = connection.connection.dbapi_connection
        self._wait: Callable[[Callable[[Any], Awaitable[Any]]], Any] = adapted.run_async

    def all(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
        text, names = _numbered(sql)
        values = [parameters[name] for name in names]
        with _values_hidden():
            found = self._wait(lambda driver: driver.fetch(text, *values))
        return list(map(row_of(tuple(found[0].keys())), found)) if found else ()

    def first(self, sql: str, parameters: Mapping[str, Any]) -> Row | None:
        found = self.all(sql, parameters)
        return found[0] if found else None

    def run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        text, names = _numbered(sql)
        values = [parameters[name] for name in names]
        with _values_hidden():
            status: str = self._wait(lambda driver: driver.execute(text, *values))
        # "UPDATE 3", "INSERT 0 3"; "SET" changes no row.
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        text, names = _numbered(sql)
        values = [[row[name] for name in names] for row in rows]
        with _values_hidden():
            self._wait(lambda driver: driver.executemany(text, values))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.run(_insert_arrays(table, tuple(columns)), _arrays(rows))

    def update_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        return self.run(sql, _arrays(rows))


@contextmanager
def _values_hidden() -> Iterator[None]:
    """The detail of a constraint's error quotes the row, and errors are logged."""
    try:
        yield
    except Exception as error:
        state = getattr(error, "sqlstate", None)
        if state is not None:
            error.detail = None  # type: ignore[attr-defined]
            if state.startswith(_CONSTRAINT):
                raise ConstraintError(str(error)) from error
        raise


_PARAMETER: Final = re.compile(r"(?<![:\w]):(\w+)")


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """`:name` as `$1`, and the names in that order."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}"

    return _PARAMETER.sub(number, sql), tuple(names)


def _arrays(rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {f"c{place}": list(column) for place, column in enumerate(zip(*rows, strict=True))}


@lru_cache(maxsize=64)
def _insert_arrays(table: str, columns: tuple[str, ...]) -> str:
    types = [metadata.tables[table].c[name].type.compile(_POSTGRES) for name in columns]
    arrays = ", ".join(f"CAST(:c{place} AS {kind}[])" for place, kind in enumerate(types))
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"
