"""Hints between the servers on one PostgreSQL, by NOTIFY.

Sent by a connection of its own, never in the transaction that they are about: a commit that
notifies waits for all others that do, which cost 64 % of the commits in a measurement.
"""

import asyncio
from typing import Any, Final

import orjson
import structlog
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from outdial_server.domain.ids import BatchId
from outdial_server.ports.signals import EVERYTHING, Hint, HintExchange, Topic
from outdial_server.storage.postgres_database import postgres_engine

log = structlog.get_logger()

_CHANNEL: Final = "outdial_hints"

_PACE_SECONDS: Final = 0.02
"""Between two notifications of a server, whatever happens meanwhile: what is committed in that
time is told together. As long as watchers leave between two reads."""

_LOOK_EVERY_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 5.0
"""A connection that says nothing is asked for a sign of life so often, and given so long."""

_AGAIN_SECONDS: Final = 1.0


class PostgresHints:
    """Tells the other servers what happens here, and hears them. While its connection is lost
    hints are, too; the sweeps stand behind them."""

    def __init__(self, url: URL, exchange: HintExchange) -> None:
        self._engine = postgres_engine(url, poolclass=NullPool)
        self._exchange = exchange
        self._task: asyncio.Task[None] | None = None
        self._is_lost = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="outdial-hints")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._engine.dispose()

    async def _run(self) -> None:
        while True:
            try:
                await self._exchange_hints()
            except Exception as error:  # noqa: BLE001 whatever it is, the next connection is tried
                self._tell_lost(error)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _exchange_hints(self) -> None:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            # A hint need not outlive a crash, and so does not wait for the disk.
            await driver.execute("SET synchronous_commit = off")
            await driver.add_listener(_CHANNEL, self._hear)
            self._tell_back()
            # Whatever was said while nobody listened.
            self._exchange.take_in(EVERYTHING)
            while True:
                await self._tell_next(driver)

    async def _tell_next(self, driver: Any) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                hint = await self._exchange.next_hint()
        except TimeoutError:
            await driver.execute("SELECT 1", timeout=_PATIENCE_SECONDS)
            return
        said = payload(hint)
        await driver.execute("SELECT pg_notify($1, $2)", _CHANNEL, said, timeout=_PATIENCE_SECONDS)
        await asyncio.sleep(_PACE_SECONDS)

    def _hear(self, driver: Any, sender: int, channel: str, said: str) -> None:
        # The database tells a notification to its sender, too.
        if sender != driver.get_server_pid():
            self._exchange.take_in(hint_of(said))

    def _tell_lost(self, error: Exception) -> None:
        if not self._is_lost:
            log.warning("hints.lost", error_type=type(error).__name__)
        self._is_lost = True

    def _tell_back(self) -> None:
        if self._is_lost:
            log.warning("hints.back")
        self._is_lost = False


def payload(hint: Hint) -> str:
    """At most some 6,000 bytes; PostgreSQL takes 7,999."""
    said = {
        "topics": sorted(topic.value for topic in hint.topics),
        "batches": sorted(hint.batch_ids),
        "everything": hint.is_everything,
    }
    return orjson.dumps(said).decode()


def hint_of(said: str) -> Hint:
    """What cannot be read, as from a server of another version, may be anything."""
    known = {topic.value: topic for topic in Topic}
    try:
        fields = orjson.loads(said)
        return Hint(
            frozenset(known[name] for name in fields["topics"] if name in known),
            frozenset(BatchId(batch_id) for batch_id in fields["batches"]),
            is_everything=fields["everything"] is True,
        )
    except (ValueError, KeyError, TypeError):
        return EVERYTHING
