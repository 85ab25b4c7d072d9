"""The fragments of SQL in which the two databases differ."""

from collections.abc import Hashable, Sequence
from enum import Enum
from typing import Protocol


class Kind(Enum):
    """Types of the columns of a table made from JSON."""

    INT = "bigint"
    TEXT = "text"
    # In `update_each` alone: JSON has none.
    BYTES = "bytea"


class Dialect(Hashable, Protocol):
    @property
    def name(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    @property
    def locks_rows(self) -> bool:
        """Whether others write at the same time, so that rows must be locked."""
        ...

    def rows(self, parameter: str, columns: Sequence[tuple[str, Kind]]) -> str:
        """A table from a parameter that holds a JSON array of arrays."""
        ...

    def update_each(
        self, table: str, assignments: str, guard: str, columns: Sequence[tuple[str, Kind]]
    ) -> str:
        """An UPDATE of many rows, each with its own values: `r.NAME` in the fragments is
        the value of that column. For `Statements.update_each`."""
        ...

    def id_in(self, column: str, parameter: str) -> str:
        """Whether an id column is among the ids of a parameter made by `id_list`."""
        ...

    def id_list(self, ids: Sequence[bytes]) -> object:
        """The value of such a parameter."""
        ...

    def for_update(self, table: str = "") -> str:
        """Locks the rows read, at the end of a SELECT; waits for others."""
        ...

    def lock_in_order(self, column: str) -> str:
        """Orders by `TABLE.COLUMN` and locks, so that two that lock many never wait for each
        other. Nothing where nobody locks: there a sort is half the cost of the rows."""
        ...

    def skip_locked(self, table: str) -> str:
        """As `for_update`, and leaves out what others have locked."""
        ...

    def next_keys(self, table: str) -> str:
        """A query for `:count` values of `key` that no row has, for rows to be inserted in the
        same transaction."""
        ...

    def size_in_bytes(self) -> str:
        """A query for the size of the database."""
        ...

    def least(self, *terms: str) -> str: ...

    def greatest(self, *terms: str) -> str: ...
