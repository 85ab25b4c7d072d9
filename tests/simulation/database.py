"""One database in memory, as each server of a world sees it: every verb whole, by the real
statements, with what can come before and after it."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Sized
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals
from outdial_server.storage.database import name_of
from outdial_server.storage.dialects.sqlite import SqliteDialect
from outdial_server.storage.migrate import migrate
from outdial_server.storage.sqlite_connection import SqliteConnection
from outdial_server.storage.tx import Tx
from simulation.chance import Dice
from support.memory import in_memory

T = TypeVar("T")
G = TypeVar("G", bound=Sized)


class PlantedError(Exception):
    """A fault that no code foresees."""


class Watching(Protocol):
    """Whoever looks at each transaction from inside and after it."""

    def begins(self, tx: Tx, verb: str) -> None: ...

    def committed(self, who: str, tx: Tx, verb: str, changes: int, result: object) -> None: ...


class Disk:
    """What outlives every server. One transaction at a time."""

    def __init__(self) -> None:
        self.connection = SqliteConnection.writer(":memory:")
        _template().backup(self._raw)

    @property
    def changes(self) -> int:
        return self._raw.total_changes

    @property
    def _raw(self) -> sqlite3.Connection:
        return self.connection._connection

    def read(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What no port shows; within a transaction, too."""
        return self._raw.execute(sql, parameters).fetchall()

    def close(self) -> None:
        self.connection.close()


@cache
def _template() -> sqlite3.Connection:
    """Migrated once a process."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        path = Path(folder) / "template.db"
        migrate(f"sqlite:///{path}")
        template = sqlite3.connect(":memory:", check_same_thread=False)
        with sqlite3.connect(path) as migrated:
            migrated.backup(template)
        migrated.close()
    return template


CONNECTION_KEEPS = timedelta(seconds=10)
"""Who stands still for longer finds it closed, and never hears how its transaction ended."""


class Fate(Enum):
    """Of one transaction."""

    GOES_WELL = auto()
    # The database is not there.
    UNAVAILABLE = auto()
    # It goes away before it has said that it has committed.
    COMMITS_UNSEEN = auto()
    BREAKS = auto()


@dataclass
class Weather:
    """How the way to the database is. Fates by weight; pauses in seconds, before and after."""

    fates: dict[Fate, float]
    slow_percent: float
    slow_most_seconds: float

    @classmethod
    def calm(cls) -> "Weather":
        return cls({Fate.GOES_WELL: 1}, 0, 0)


class SimulatedDatabase:
    """A Database. Writers that gather take turns, as on PostgreSQL; where the server is the only
    one, all of them do, as on SQLite."""

    def __init__(
        self,
        who: str,
        disk: Disk,
        clock: Clock,
        ids: IdSource,
        signals: Signals,
        dice: Dice,
        weather: Weather,
        watching: Watching,
        *,
        is_alone: bool,
    ) -> None:
        self.dialect = SqliteDialect()
        self._who = who
        self._disk = disk
        self._clock = clock
        self._ids = ids
        self._signals = signals
        self._dice = dice
        self.weather = weather
        self._watching = watching
        self._is_alone = is_alone
        self._turn = asyncio.Lock()
        self._is_dead = False

    def die(self) -> None:
        """Nothing of this server reaches the database any more."""
        self._is_dead = True

    async def write(self, verb: Callable[[Tx], T]) -> T:
        if not self._is_alone:
            return await self._commit(name_of(verb), verb)
        async with self._turn:
            return await self._commit(name_of(verb), verb)

    async def write_group(self, take: Callable[[], G], verb: Callable[[Tx, G], T]) -> T:
        async with self._turn:
            group = take()
            return await self._commit(name_of(verb), lambda tx: verb(tx, group))

    async def read(self, verb: Callable[[Tx], T]) -> T:
        fate = self._fate()
        await self._pause()
        self._may_fail(fate)
        with self._disk.connection.transaction() as statements:
            result = verb(Tx(statements, self.dialect, self._ids, self._clock.now()))
        await self._pause()
        return result

    async def read_first(self, verb: Callable[[Tx], T]) -> T:
        return await self.read(verb)

    async def close(self) -> None:
        self.die()

    async def _commit(self, name: str, verb: Callable[[Tx], T]) -> T:
        fate = self._fate()
        await self._pause()
        self._may_fail(fate)
        result, tx = self._transact(name, verb)
        committed_at = self._clock.now()
        await self._pause()
        is_cut = self._clock.now() - committed_at > CONNECTION_KEEPS and not self._is_alone
        if fate is Fate.COMMITS_UNSEEN or is_cut:
            raise _unavailable()
        self._signals.publish(sorted(tx.touched))
        return result

    def _transact(self, name: str, verb: Callable[[Tx], T]) -> tuple[T, Tx]:
        before = self._disk.changes
        with self._disk.connection.transaction() as statements:
            tx = Tx(statements, self.dialect, self._ids, self._clock.now())
            self._watching.begins(tx, name)
            result = verb(tx)
        self._watching.committed(self._who, tx, name, self._disk.changes - before, result)
        return result, tx

    def _fate(self) -> Fate:
        return self._dice.weighted(self.weather.fates)

    def _may_fail(self, fate: Fate) -> None:
        if self._is_dead:
            raise asyncio.CancelledError
        if fate is Fate.UNAVAILABLE:
            raise _unavailable()
        if fate is Fate.BREAKS:
            raise PlantedError

    async def _pause(self) -> None:
        """Others have their turn in between, and some time may pass."""
        if self._dice.chance(self.weather.slow_percent):
            await asyncio.sleep(self._dice.seconds(0.001, self.weather.slow_most_seconds))
        else:
            await asyncio.sleep(0)


def _unavailable() -> UnavailableError:
    return UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is not there")
