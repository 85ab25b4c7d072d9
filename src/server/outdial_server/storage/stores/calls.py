"""CallStore and ToldCallReader over a database."""

from collections.abc import Collection, Mapping

from outdial_server.domain.call import ANY_CALL, Call, CallFilter
from outdial_server.domain.ids import AccountId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCall, ScheduledCallState
from outdial_server.domain.told_call import ToldCall
from outdial_server.ports.batches import ResultPage
from outdial_server.storage.database import Database
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import call_reading, cancelling, exporting, reading
from outdial_server.storage.verbs.call_deleting import delete_call
from outdial_server.storage.verbs.told_calls import read_told_calls


class SqlCalls:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def get_scheduled_call(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> ScheduledCall:
        return await self._db.read(
            lambda tx: reading.get_scheduled_call(tx, account_id, scheduled_call_id)
        )

    async def list_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        page: PageRequest,
        states: Collection[ScheduledCallState] = (),
        custom_id: str = "",
        outcomes: Collection[DispatchOutcome] = (),
    ) -> Page[ScheduledCall]:
        return await self._db.read(
            lambda tx: reading.list_scheduled_calls(
                tx, account_id, batch_id, page, states, custom_id, outcomes
            )
        )

    async def export_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        from_position: int,
        limit: int,
        states: Collection[ScheduledCallState] = (),
        *,
        with_conversations: bool = False,
    ) -> ResultPage:
        def export(tx: Tx) -> ResultPage:
            page = exporting.export_page(tx, account_id, batch_id, from_position, limit, states)
            return exporting.with_what_was_said(tx, page) if with_conversations else page

        return await self._db.read(export)

    async def cancel_scheduled_call(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> ScheduledCall:
        return await self._db.write(
            lambda tx: cancelling.cancel_scheduled_call(tx, account_id, scheduled_call_id)
        )

    async def get_call(self, account_id: AccountId, call_id: CallId) -> Call:
        return await self._db.read(lambda tx: call_reading.get_call(tx, account_id, call_id))

    async def told_calls(self, call_ids: Collection[CallId]) -> Mapping[CallId, ToldCall]:
        return await self._db.read(lambda tx: read_told_calls(tx, call_ids))

    async def told_call(self, call_id: CallId) -> ToldCall | None:
        told = await self._db.read_first(lambda tx: read_told_calls(tx, [call_id]))
        return told.get(call_id)

    async def delete_call(self, account_id: AccountId, call_id: CallId) -> None:
        await self._db.write(lambda tx: delete_call(tx, account_id, call_id))

    async def cancel_direct_call(self, account_id: AccountId, call_id: CallId) -> Call:
        return await self._db.write(
            lambda tx: cancelling.cancel_direct_call(tx, account_id, call_id)
        )

    async def list_calls(
        self, account_id: AccountId, page: PageRequest, wanted: CallFilter = ANY_CALL
    ) -> Page[Call]:
        return await self._db.read(lambda tx: call_reading.list_calls(tx, account_id, page, wanted))
