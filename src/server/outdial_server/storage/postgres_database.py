"""PostgreSQL: a pool, row locks, and the database's own clock."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals
from outdial_server.storage.dialects.postgres import PostgresDialect
from outdial_server.storage.tx import Tx

T = TypeVar("T")
G = TypeVar("G")

_CONNECTIONS: Final = 16
_TRIES: Final = 8
_RETRIED: Final = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock: nothing happened, and trying again is the answer."""

_NOW: Final = text("SELECT clock_timestamp()")


class PostgresDatabase:
    def __init__(
        self, url: URL, ids: IdSource, signals: Signals, clock: Clock | None = None
    ) -> None:
        """Without a clock, which only tests give, the database's decides."""
        self.dialect = PostgresDialect()
        self._ids = ids
        self._signals = signals
        self._clock = clock
        self._engine = create_async_engine(url, pool_size=_CONNECTIONS, max_overflow=0)
        # Later groups wait for their turn here rather than on row locks, and grow.
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        await self.read(lambda tx: tx.scalar("SELECT 1"))

    async def write(self, verb: Callable[[Tx], T]) -> T:
        for left in reversed(range(_TRIES)):
            try:
                return await self._commit(verb)
            except DBAPIError as error:
                if left and _sqlstate(error) in _RETRIED:
                    continue
                raise _translated(error) from error
            except OSError as error:
                raise _unreachable(error) from error
        raise AssertionError("unreachable: the last try returns or raises")

    async def write_group(self, take: Callable[[], G], verb: Callable[[Tx, G], T]) -> T:
        async with self._turn:
            group = take()
            return await self.write(lambda tx: verb(tx, group))

    async def _commit(self, verb: Callable[[Tx], T]) -> T:
        async with self._engine.connect() as conn:
            async with conn.begin():
                result, tx = await self._run(conn, verb)
            self._signals.publish(tx.touched)
            return result

    async def read(self, verb: Callable[[Tx], T]) -> T:
        try:
            async with self._engine.connect() as plain:
                conn = await plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                async with conn.begin():
                    return (await self._run(conn, verb))[0]
        except DBAPIError as error:
            raise _translated(error) from error
        except OSError as error:
            raise _unreachable(error) from error

    async def _run(self, conn: AsyncConnection, verb: Callable[[Tx], T]) -> tuple[T, Tx]:
        now = self._clock.now() if self._clock else (await conn.execute(_NOW)).scalar_one()

        def transact(sync: Any) -> tuple[T, Tx]:
            tx = Tx(sync, self.dialect, self._ids, now)
            return verb(tx), tx

        return await conn.run_sync(transact)

    async def close(self) -> None:
        await self._engine.dispose()


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")


def _translated(error: DBAPIError) -> Exception:
    lost = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    return _unreachable(error) if lost else error


def _unreachable(error: Exception) -> UnavailableError:
    return UnavailableError(
        Reason.DATABASE_UNAVAILABLE, f"the database cannot be reached: {type(error).__name__}"
    )
