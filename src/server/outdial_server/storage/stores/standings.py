"""StandingReader over a database."""

from outdial_server.domain.explanation import BatchStanding, RowStanding
from outdial_server.domain.ids import AccountId, BatchId, ScheduledCallId
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import explaining


class SqlStandings:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def batch_standing(self, account_id: AccountId, batch_id: BatchId) -> BatchStanding:
        return await self._db.read(lambda tx: explaining.batch_standing(tx, account_id, batch_id))

    async def row_standing(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> RowStanding:
        return await self._db.read(
            lambda tx: explaining.row_standing(tx, account_id, scheduled_call_id)
        )
