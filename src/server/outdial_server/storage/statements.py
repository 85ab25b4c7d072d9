"""Running statements: verbs see rows by the names of their columns, whatever is below."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, cast


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


@lru_cache(maxsize=512)
def row_of(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Row]:
    made: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc] # noqa: PYI024
    return cast(Callable[[Sequence[Any]], Row], made._make)
