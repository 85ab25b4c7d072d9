"""The board over a database."""

from collections.abc import Collection, Sequence
from datetime import datetime

from outdial_server.domain.batch import Batch
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.board import Look, Selection
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import board


class SqlBoard:
    """Board."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def look(
        self, selection: Selection, known: Collection[BatchId], ended_since: datetime | None
    ) -> Look:
        return await self._db.read(
            lambda tx: board.look_at_batches(tx, selection, known, ended_since)
        )

    async def batches(
        self, account_id: AccountId, batch_ids: Collection[BatchId]
    ) -> Sequence[Batch]:
        return await self._db.read(lambda tx: board.read_batches(tx, account_id, batch_ids))
