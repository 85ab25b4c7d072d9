"""PostgreSQL: others write at the same time, so rows are locked, always in one order."""

from collections.abc import Sequence
from functools import lru_cache

from typing_extensions import override

from outdial_server.storage.dialects.dialect import Kind


class PostgresDialect:
    name = "postgresql"
    locks_rows = True

    def rows(self, parameter: str, columns: Sequence[tuple[str, Kind]]) -> str:
        names = ", ".join(
            f"CAST(value ->> {place} AS {kind.value}) AS {name}"
            for place, (name, kind) in enumerate(columns)
        )
        source = f"json_array_elements(CAST(:{parameter} AS json))"
        return f"(SELECT {names} FROM {source} AS elements(value))"

    def update_each(
        self, table: str, assignments: str, guard: str, columns: Sequence[tuple[str, Kind]]
    ) -> str:
        source = _columns_of(tuple(columns))
        return f"UPDATE {table} SET {assignments} FROM {source} WHERE {guard}"

    def id_in(self, column: str, parameter: str) -> str:
        return f"{column} = ANY(CAST(:{parameter} AS bytea[]))"

    def id_list(self, ids: Sequence[bytes]) -> object:
        return list(ids)

    def for_update(self, table: str = "") -> str:
        # Keys never change: the shared locks of foreign keys need not wait for ours.
        return f"FOR NO KEY UPDATE OF {table}" if table else "FOR NO KEY UPDATE"

    def lock_in_order(self, column: str) -> str:
        return f"ORDER BY {column} {self.for_update(column.partition('.')[0])}"

    def skip_locked(self, table: str) -> str:
        return f"FOR NO KEY UPDATE OF {table} SKIP LOCKED"

    def next_keys(self, table: str) -> str:
        sequence = f"pg_get_serial_sequence('{table}', 'key')"
        return f"SELECT nextval({sequence}) AS key FROM generate_series(1, :count)"

    def size_in_bytes(self) -> str:
        return "SELECT pg_database_size(current_database())"

    def least(self, *terms: str) -> str:
        return f"least({', '.join(terms)})"

    def greatest(self, *terms: str) -> str:
        return f"greatest({', '.join(terms)})"


class PostgresReadingDialect(PostgresDialect):
    """Of a transaction that only reads: it sees one moment and locks nothing, which
    PostgreSQL would refuse it. So a verb that locks can be asked for what it sees."""

    @override
    def for_update(self, table: str = "") -> str:
        return ""

    @override
    def skip_locked(self, table: str) -> str:
        return ""


@lru_cache(maxsize=64)
def _columns_of(columns: tuple[tuple[str, Kind], ...]) -> str:
    """A table from arrays, one a column: each value is read once, where JSON is searched
    again for each."""
    arrays = ", ".join(
        f"CAST(:c{place} AS {kind.value}[])" for place, (_, kind) in enumerate(columns)
    )
    return f"unnest({arrays}) AS r({', '.join(name for name, _ in columns)})"
