"""One transaction, as a verb of the store sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from outdial_server.domain.ids import BatchId
from outdial_server.ports.identity import IdSource
from outdial_server.ports.telemetry import Happened
from outdial_server.storage.dialects.dialect import Dialect
from outdial_server.storage.encoding import micros
from outdial_server.storage.statements import Row, Statements


@dataclass(slots=True)
class Tx:
    """`now` is the moment of the transaction: the database's clock on PostgreSQL. What is
    written to `touched` is told to watchers after the commit, and only then; so is, to
    telemetry, what is written to `happened`."""

    statements: Statements
    dialect: Dialect
    ids: IdSource
    now: datetime
    touched: set[BatchId] = field(default_factory=set)
    happened: Happened = field(default_factory=Happened)
    # That of PostgreSQL's log: another one after each failover. Empty where it is not known.
    timeline: str = ""
    # What the installation says of when it was last written; None where this has not changed it.
    seen_us: int | None = None
    now_us: int = field(init=False)

    def __post_init__(self) -> None:
        self.now_us = micros(self.now)

    def all(self, sql: str, **parameters: Any) -> Sequence[Row]:
        return self.statements.all(sql, parameters)

    def one_or_none(self, sql: str, **parameters: Any) -> Row | None:
        return self.statements.first(sql, parameters)

    def scalar(self, sql: str, **parameters: Any) -> Any:
        """The first column of the first row; None without a row."""
        row: Any = self.statements.first(sql, parameters)
        return None if row is None else row[0]

    def run(self, sql: str, **parameters: Any) -> int:
        """Executes a statement and returns how many rows it changed. Raises
        ConstraintError."""
        return self.statements.run(sql, parameters)

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.statements.run_many(sql, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """The quickest way in: values by place."""
        if rows:
            self.statements.insert(table, columns, rows)

    def update_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """For the SQL of `dialect.update_each`; returns how many rows it changed."""
        return self.statements.update_each(sql, rows) if rows else 0
