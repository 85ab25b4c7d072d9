"""PostgreSQL: a pool, row locks, and the database's own clock."""

import asyncio
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import event, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry, Transaction
from outdial_server.storage.asyncpg_statements import AsyncpgStatements
from outdial_server.storage.database import name_of
from outdial_server.storage.dialects.postgres import PostgresDialect, PostgresReadingDialect
from outdial_server.storage.tx import Tx

log = structlog.get_logger()

T = TypeVar("T")
G = TypeVar("G", bound=Sized)

_CONNECTIONS: Final = 16
_CONNECTION_SECONDS: Final = 120
"""A connection that is older is made anew before it is used: whatever stands between may have
dropped one that stood by for long, without a word."""
_TRIES: Final = 8
_LOCK_TRIES: Final = 2
"""Each has waited for long already."""

_CONFLICTS: Final = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock: nothing happened, and trying again is the answer."""

_LOCK_TIMEOUT: Final = "55P03"

_LOST: Final = ("08", "25P03", "53", "55000", "57P0")
"""How the SQLSTATEs begin that say that the database is not there for us now: the connection
failed, it was idle in a transaction for too long, too few resources, a database that takes
no connections, a server that shuts down or starts."""

_REFUSALS: Final = {
    "53100": (
        Reason.DATABASE_FULL,
        "the disk of the database is full: nothing can be written until there is space",
    ),
    "25006": (
        Reason.DATABASE_READ_ONLY,
        "the database is read-only, perhaps a standby: nothing can be written to it",
    ),
}

_CONNECT_SECONDS: Final = 10
_COMMAND_SECONDS: Final = 30
"""No statement of ours takes nearly that long: whoever waits longer waits for a peer or a
network that is gone."""

_SESSION: Final = {
    # A server that freezes in the middle of a transaction must not hold its locks against
    # its successor: the database ends that transaction, and until then nobody waits for ever.
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "10s",
}

_NOW: Final = text("SELECT clock_timestamp(), ''")

_NOW_AND_TIMELINE: Final = text(
    "SELECT clock_timestamp(), CASE WHEN pg_is_in_recovery() THEN '' "
    "ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)
"""A pooler between may bring a transaction to another server than the one before, so each
asks; it takes microseconds."""


class PostgresDatabase:
    def __init__(
        self,
        url: URL,
        ids: IdSource,
        signals: Signals,
        clock: Clock | None = None,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        """Without a clock, which only tests give, the database's decides."""
        self.dialect = PostgresDialect()
        self._reading_dialect = PostgresReadingDialect()
        self._ids = ids
        self._signals = signals
        self._clock = clock
        self._telemetry = telemetry
        # The latest that was given back comes first: few connections do most of the work, with
        # their statements prepared and planned, and the rest stand by for a rush.
        self._engine = postgres_engine(
            url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_use_lifo=True,
            pool_recycle=_CONNECTION_SECONDS,
        )
        # Later groups wait for their turn here rather than on row locks, and grow.
        self._turn = asyncio.Lock()
        # Some services that speak PostgreSQL's language have no log to ask for.
        self._now = _NOW

    async def open(self) -> None:
        await self.read(lambda tx: tx.scalar("SELECT 1"))
        try:
            async with self._engine.connect() as conn:
                await conn.execute(_NOW_AND_TIMELINE)
        except DBAPIError:
            log.warning("database.timeline_unknown")
        else:
            self._now = _NOW_AND_TIMELINE

    async def write(self, verb: Callable[[Tx], T]) -> T:
        return await self._write(verb, self._telemetry.transaction(name_of(verb)))

    async def write_group(self, take: Callable[[], G], verb: Callable[[Tx, G], T]) -> T:
        transaction = self._telemetry.transaction(name_of(verb))
        async with self._turn:
            group = take()
            return await self._write(lambda tx: verb(tx, group), transaction, len(group))

    async def _write(
        self, verb: Callable[[Tx], T], transaction: Transaction, group_size: int | None = None
    ) -> T:
        tries = 0
        while True:
            tries += 1
            with self._told():
                try:
                    return await self._commit(verb, transaction, group_size)
                except Exception as error:
                    if tries >= _tries_of(error):
                        raise

    async def _commit(
        self, verb: Callable[[Tx], T], transaction: Transaction, group_size: int | None
    ) -> T:
        async with self._engine.connect() as conn:
            transaction.begun(group_size)
            try:
                async with conn.begin():
                    result, tx = await self._run(conn, verb, self.dialect)
            except BaseException:
                transaction.rolled_back()
                raise
            self._signals.publish(tx.touched)
            transaction.committed(tx.happened)
            return result

    async def read(self, verb: Callable[[Tx], T]) -> T:
        with self._told():
            async with self._engine.connect() as plain:
                conn = await plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                async with conn.begin():
                    return (await self._run(conn, verb, self._reading_dialect))[0]

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with unavailable_told():
                yield
        except UnavailableError:
            self._signals.wake(Topic.DATABASE)
            raise

    async def read_first(self, verb: Callable[[Tx], T]) -> T:
        # The pool is large enough for nobody to wait long.
        return await self.read(verb)

    async def _run(
        self, conn: AsyncConnection, verb: Callable[[Tx], T], dialect: PostgresDialect
    ) -> tuple[T, Tx]:
        # In any case: the transaction begins with it.
        database_now, timeline = (await conn.execute(self._now)).one()
        now = self._clock.now() if self._clock else database_now

        def transact(sync: Any) -> tuple[T, Tx]:
            tx = Tx(AsyncpgStatements(sync), dialect, self._ids, now, timeline=timeline)
            return verb(tx), tx

        return await conn.run_sync(transact)

    async def close(self) -> None:
        await self._engine.dispose()


def postgres_engine(url: URL, **options: Any) -> AsyncEngine:
    """Parameters are hidden from the texts of errors: they hold phone numbers, and errors
    are logged."""
    engine = create_async_engine(
        url,
        hide_parameters=True,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _COMMAND_SECONDS,
            "server_settings": _SESSION,
        },
        **options,
    )
    event.listen(engine.sync_engine, "handle_error", _hide_values)
    return engine


def _hide_values(context: ExceptionContext) -> None:
    """The detail of a constraint's error quotes the row."""
    driver_error = context.original_exception.__cause__
    if getattr(driver_error, "detail", None):
        driver_error.detail = None  # type: ignore[union-attr]


@contextmanager
def unavailable_told() -> Iterator[None]:
    """What says that the database cannot be reached becomes an UnavailableError."""
    try:
        yield
    except Exception as error:
        refusal = _REFUSALS.get(_sqlstate(error))
        if refusal is not None:
            raise UnavailableError(*refusal) from error
        if not _is_lost(error):
            raise
        raise UnavailableError(
            Reason.DATABASE_UNAVAILABLE, f"the database cannot be reached: {type(error).__name__}"
        ) from error


def _tries_of(error: Exception) -> int:
    state = _sqlstate(error)
    if state in _CONFLICTS:
        return _TRIES
    return _LOCK_TRIES if state == _LOCK_TIMEOUT else 1


def _is_lost(error: Exception) -> bool:
    if isinstance(error, OSError | PoolTimeoutError | OperationalError | InterfaceError):
        return True
    if _is_of_the_driver(error, "InterfaceError") and not isinstance(error, ValueError):
        # The connection was closed under us. Those that are ValueErrors, too, mean a value.
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    return state.startswith(_LOST) or state in _CONFLICTS or state == _LOCK_TIMEOUT


def _is_of_the_driver(error: Exception, name: str) -> bool:
    """By name: asyncpg is an extra, and need not be there to be imported."""
    return any(
        kind.__name__ == name and kind.__module__.startswith("asyncpg")
        for kind in type(error).__mro__
    )


def _sqlstate(error: Exception) -> str:
    """Empty without one. What the driver says while it connects comes as it is, without
    SQLAlchemy around it."""
    driver = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(driver, "sqlstate", "") or "")
