"""SQLite: one writer, so nothing is locked; arrays travel as JSON."""

import re
from collections.abc import Sequence
from functools import lru_cache

from outdial_server.storage.dialects.dialect import Kind


class SqliteDialect:
    name = "sqlite"
    locks_rows = False

    def rows(self, parameter: str, columns: Sequence[tuple[str, Kind]]) -> str:
        names = ", ".join(
            f"json_extract(value, '$[{place}]') AS {name}"
            for place, (name, _) in enumerate(columns)
        )
        return f"(SELECT {names} FROM json_each(:{parameter}))"

    def update_each(
        self, table: str, assignments: str, guard: str, columns: Sequence[tuple[str, Kind]]
    ) -> str:
        return _update_one(table, assignments, guard, tuple(name for name, _ in columns))

    def id_in(self, column: str, parameter: str) -> str:
        return (
            f"{column} IN (WITH RECURSIVE places(place) AS (SELECT 1 UNION ALL SELECT place + 16 "
            f"FROM places WHERE place + 16 < length(:{parameter})) "
            f"SELECT substr(:{parameter}, place, 16) FROM places)"
        )

    def id_list(self, ids: Sequence[bytes]) -> object:
        """One behind the other: JSON has no bytes, and SQLite reads no hex before 3.41."""
        return b"".join(ids)

    def for_update(self, table: str = "") -> str:
        return ""

    def lock_in_order(self, column: str) -> str:
        return ""

    def skip_locked(self, table: str) -> str:
        return ""

    def next_keys(self, table: str) -> str:
        # Nobody else writes meanwhile.
        places = "SELECT 1 UNION ALL SELECT n + 1 FROM places WHERE n < :count"
        return (
            f"WITH RECURSIVE places(n) AS ({places}) "
            f"SELECT (SELECT coalesce(max(key), 0) FROM {table}) + n AS key FROM places"
        )

    def size_in_bytes(self) -> str:
        return "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"

    def least(self, *terms: str) -> str:
        return f"min({', '.join(terms)})"

    def greatest(self, *terms: str) -> str:
        return f"max({', '.join(terms)})"


@lru_cache(maxsize=64)
def _update_one(table: str, assignments: str, guard: str, columns: tuple[str, ...]) -> str:
    """One row at a time: taking so many values out of JSON costs more than all the rest."""
    places = {name: f"?{place}" for place, name in enumerate(columns, start=1)}
    sql = f"UPDATE {table} SET {assignments} WHERE {guard}"
    return re.sub(r"\br\.(\w+)", lambda found: places[found[1]], sql)
