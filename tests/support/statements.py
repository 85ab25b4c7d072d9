"""The statements that a verb sends to its database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from outdial_server.storage.statements import Row, Statements
from outdial_server.storage.store import Store
from outdial_server.storage.tx import Tx

T = TypeVar("T")


@dataclass
class Listening:
    """Statements, each noted before it runs."""

    inner: Statements
    said: list[str] = field(default_factory=list)

    def all(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
        self.said.append(sql)
        return self.inner.all(sql, parameters)

    def first(self, sql: str, parameters: Mapping[str, Any]) -> Row | None:
        self.said.append(sql)
        return self.inner.first(sql, parameters)

    def run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        self.said.append(sql)
        return self.inner.run(sql, parameters)

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.said.append(sql)
        self.inner.run_many(sql, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.said.append(f"INSERT INTO {table}")
        self.inner.insert(table, columns, rows)

    def update_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        self.said.append(sql)
        return self.inner.update_each(sql, rows)


async def said_by(store: Store, verb: Callable[[Tx], T]) -> tuple[T, list[str]]:
    """What a verb answers, and its statements in order."""

    def listened(tx: Tx) -> tuple[T, list[str]]:
        tx.statements = listening = Listening(tx.statements)
        return verb(tx), listening.said

    return await store.database.write(listened)
