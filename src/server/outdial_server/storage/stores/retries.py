"""Retries over a database."""

from datetime import datetime

from outdial_server.domain.ids import AccountId, ScheduledCallId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.scheduled_call import ScheduledCall
from outdial_server.ports.retries import RetriedGroup, RetryOrder
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import retrying


class SqlRetries:
    """RetryStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def begin_retry(self, order: RetryOrder, request: RequestKey | None) -> datetime:
        return await self._db.write(lambda tx: retrying.begin_retry(tx, order, request))

    async def retry_rows(
        self, order: RetryOrder, ended_by: datetime, from_position: int, limit: int
    ) -> RetriedGroup:
        keys, next_position = await self._db.read(
            lambda tx: retrying.look_for_rows(tx, order, ended_by, from_position, limit)
        )
        if not keys:
            return RetriedGroup(0, next_position)
        count = await self._db.write(lambda tx: retrying.retry_rows(tx, order, ended_by, keys))
        return RetriedGroup(count, next_position)

    async def retry_scheduled_call(
        self,
        account_id: AccountId,
        scheduled_call_id: ScheduledCallId,
        request: RequestKey | None,
    ) -> ScheduledCall:
        return await self._db.write(
            lambda tx: retrying.retry_scheduled_call(tx, account_id, scheduled_call_id, request)
        )
