"""EventLog over a database."""

from outdial_server.domain.ids import BatchId
from outdial_server.ports.events import EventSlice, RowSlice
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import event_reading


class SqlEventLog:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def read(
        self, batch_id: BatchId, after: int, limit: int, *, thinned: bool = False
    ) -> EventSlice:
        return await self._db.read(
            lambda tx: event_reading.read_events(tx, batch_id, after, limit, thinned=thinned)
        )

    async def rows(self, batch_id: BatchId, after_position: int, limit: int) -> RowSlice:
        return await self._db.read(
            lambda tx: event_reading.read_rows(tx, batch_id, after_position, limit)
        )

    async def changed_since(self, batch_id: BatchId, after: int, limit: int) -> RowSlice:
        return await self._db.read(
            lambda tx: event_reading.changed_since(tx, batch_id, after, limit)
        )
