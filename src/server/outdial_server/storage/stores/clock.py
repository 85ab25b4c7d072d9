"""The database's clock, where it has one of its own."""

from datetime import datetime

from outdial_server.storage.database import Database


class SqlStoreClock:
    """StoreClock."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def read(self) -> datetime:
        return await self._db.read_first(lambda tx: tx.now)
