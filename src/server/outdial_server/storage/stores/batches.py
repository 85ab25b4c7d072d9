"""BatchStore over a database."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from outdial_server.domain.batch import STARTED_STATES, Batch, BatchState
from outdial_server.domain.batch_rules import BatchChange
from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.ports.batches import Decide
from outdial_server.storage.database import Database
from outdial_server.storage.encoding import not_found, pack_id
from outdial_server.storage.stores.rehearsal import rehearse
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import reading
from outdial_server.storage.verbs.batch_rows import (
    apply_decision,
    batch_by_key,
    batch_from,
    find_batch,
)
from outdial_server.storage.verbs.daily_counts import CountedDials, DialsUncountedError, count_dials
from outdial_server.storage.verbs.ledger import lock_slots, scopes_of_batch
from outdial_server.storage.verbs.number_checks import refuse_without_number
from outdial_server.storage.verbs.window_checks import check_window


class SqlBatches:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def get_batch(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        return await self._db.read(lambda tx: batch_from(find_batch(tx, account_id, batch_id)))

    async def list_batches(
        self,
        account_id: AccountId,
        page: PageRequest,
        states: Collection[BatchState] = (),
        agent_id: AgentId | None = None,
    ) -> Page[Batch]:
        return await self._db.read(
            lambda tx: reading.list_batches(tx, account_id, page, states, agent_id)
        )

    async def change_batch(self, account_id: AccountId, batch_id: BatchId, decide: Decide) -> Batch:
        return await self._with_count(
            lambda counted: self._db.write(
                lambda tx: self._change(tx, account_id, batch_id, decide, counted)
            )
        )

    async def rehearse_change(
        self, account_id: AccountId, batch_id: BatchId, decide: Decide
    ) -> Batch:
        return await self._with_count(
            lambda counted: rehearse(
                self._db, lambda tx: self._change(tx, account_id, batch_id, decide, counted)
            )
        )

    async def _with_count(self, change: Callable[[CountedDials | None], Awaitable[Batch]]) -> Batch:
        """Few changes need the dials of the day. One that does is begun again with them, and
        once more should the day end in between."""
        counted: CountedDials | None = None
        while True:
            try:
                return await change(counted)
            except DialsUncountedError as uncounted:
                key, zone = uncounted.batch_key, uncounted.zone
            counted = await self._count_dials(key, zone)

    async def _count_dials(self, batch_key: int, zone: str) -> CountedDials:
        return await self._db.read(lambda tx: count_dials(tx, batch_key, zone))

    @staticmethod
    def _change(
        tx: Tx,
        account_id: AccountId,
        batch_id: BatchId,
        decide: Decide,
        counted: CountedDials | None,
    ) -> Batch:
        row = find_batch(tx, account_id, batch_id)
        # The ledger comes before the batch row, in case its cap is changed.
        lock_slots(tx, scopes_of_batch(row))
        apply_decision(tx, row.key, _unless_deleted(decide), counted)
        before, after = batch_from(row), batch_from(batch_by_key(tx, row.key))
        is_started = before.state is BatchState.DRAFT and after.state in STARTED_STATES
        if is_started or (after.lacks_config and not before.lacks_config):
            refuse_without_number(tx, row.key)
        if after.settings.window_rules == before.settings.window_rules:
            return after
        check_window(tx, row.key, "batch.window_end")
        return batch_from(batch_by_key(tx, row.key))

    async def sends_in_flight(self, batch_id: BatchId) -> int:
        def count(tx: Tx) -> int:
            sends: int | None = tx.scalar(
                "SELECT sends_in_flight FROM batches WHERE id = :id", id=pack_id(batch_id)
            )
            return sends or 0

        return await self._db.read_first(count)


def _unless_deleted(decide: Decide) -> Decide:
    """Another transaction may have deleted the batch while this one waited for its row."""

    def decide_if_there(batch: Batch, now: datetime) -> BatchChange | None:
        if batch.deleted_at is not None:
            raise not_found(Reason.BATCH_NOT_FOUND, "batch", batch.batch_id)
        return decide(batch, now)

    return decide_if_there
