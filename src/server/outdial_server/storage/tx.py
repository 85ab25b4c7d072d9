"""One transaction, as a verb of the store sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, TextClause, text

from outdial_server.domain.ids import BatchId
from outdial_server.ports.identity import IdSource
from outdial_server.ports.telemetry import Happened
from outdial_server.storage.dialects.dialect import Dialect
from outdial_server.storage.encoding import micros


@lru_cache(maxsize=512)
def _statement(sql: str) -> TextClause:
    """Parsed once: the same clause object also finds SQLAlchemy's compiled form."""
    return text(sql)


@dataclass(slots=True)
class Tx:
    """`now` is the moment of the transaction: the database's clock on PostgreSQL. What is
    written to `touched` is told to watchers after the commit, and only then; so is, to
    telemetry, what is written to `happened`."""

    conn: Connection
    dialect: Dialect
    ids: IdSource
    now: datetime
    touched: set[BatchId] = field(default_factory=set)
    happened: Happened = field(default_factory=Happened)

    @property
    def now_us(self) -> int:
        return micros(self.now)

    def all(self, sql: str, **parameters: Any) -> Sequence[Row[Any]]:
        return self.conn.execute(_statement(sql), parameters).all()

    def one_or_none(self, sql: str, **parameters: Any) -> Row[Any] | None:
        return self.conn.execute(_statement(sql), parameters).first()

    def scalar(self, sql: str, **parameters: Any) -> Any:
        return self.conn.execute(_statement(sql), parameters).scalar()

    def run(self, sql: str, **parameters: Any) -> int:
        """Executes a statement and returns how many rows it changed."""
        result: CursorResult[Any] = self.conn.execute(_statement(sql), parameters)
        return result.rowcount

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.conn.execute(_statement(sql), list(rows))
