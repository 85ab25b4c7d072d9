"""The row of an installation that every server may write."""

from outdial_server.storage.database import Database
from outdial_server.storage.tx import Tx


class SqlPulse:
    """Pulse."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def beat(self) -> None:
        await self._db.write(_beat)


def _beat(tx: Tx) -> None:
    tx.run("UPDATE installation SET seen_us = :now", now=tx.now_us)
