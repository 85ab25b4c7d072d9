"""IntakeStore over a database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import AccountId, BatchId, ImportId
from outdial_server.domain.request import RequestName
from outdial_server.domain.window_estimate import WindowEstimate
from outdial_server.ports.intake import NewBatch, Outcome
from outdial_server.storage.database import Database
from outdial_server.storage.encoding import id_or_not_found
from outdial_server.storage.stores.erasing_groups import ERASE_ROWS, erase_in_groups
from outdial_server.storage.stores.rehearsal import rehearse
from outdial_server.storage.stores.staging import SqlRehearsal, SqlStaging, revealed_with_estimate
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import broken_lists, staging


class SqlIntake:
    def __init__(self, database: Database) -> None:
        self._db = database
        # Lists for one batch take turns: staged rows lie where the next ones would.
        self._appending: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def new_batch(
        self, new: NewBatch, request: RequestName | None, import_id: ImportId | None = None
    ) -> AsyncIterator[SqlStaging]:
        staged = await self._db.write(lambda tx: staging.stage_batch(tx, new, request, import_id))
        async with self._until_revealed(staged) as under_way:
            yield under_way

    @asynccontextmanager
    async def append(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        request: RequestName | None,
        import_id: ImportId | None = None,
        *,
        replaces: bool = False,
    ) -> AsyncIterator[SqlStaging]:
        packed = id_or_not_found(batch_id, Reason.BATCH_NOT_FOUND, "batch")
        turn = self._appending.setdefault(packed, asyncio.Lock())
        async with turn:
            staged = await self._stage_append(
                account_id, batch_id, request, import_id, replaces=replaces
            )
            async with self._until_revealed(staged) as under_way:
                yield under_way

    @asynccontextmanager
    async def rehearse_batch(self, new: NewBatch) -> AsyncIterator[SqlRehearsal]:
        def begin(tx: Tx) -> staging.Staged:
            return staging.stage_batch(tx, new, None, None)

        yield SqlRehearsal(self._db, begin, await rehearse(self._db, begin))

    @asynccontextmanager
    async def rehearse_append(
        self, account_id: AccountId, batch_id: BatchId, *, replaces: bool = False
    ) -> AsyncIterator[SqlRehearsal]:
        def begin(tx: Tx) -> staging.Staged:
            return staging.stage_append(tx, account_id, batch_id, None, None, replaces=replaces)

        packed = id_or_not_found(batch_id, Reason.BATCH_NOT_FOUND, "batch")
        async with self._appending.setdefault(packed, asyncio.Lock()):
            yield SqlRehearsal(self._db, begin, await rehearse(self._db, begin))

    async def estimate_window(self, new: NewBatch, people: int) -> WindowEstimate:
        def verb(tx: Tx) -> WindowEstimate | None:
            staged = staging.stage_batch(tx, new, None, None)
            return revealed_with_estimate(tx, staged, people, Outcome()).estimate

        found = await rehearse(self._db, verb)
        assert found is not None, "a rehearsal always has one"
        return found

    async def _stage_append(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        request: RequestName | None,
        import_id: ImportId | None,
        *,
        replaces: bool,
    ) -> staging.Staged:
        await erase_in_groups(
            self._db, lambda tx: broken_lists.clear_the_way(tx, account_id, batch_id, ERASE_ROWS)
        )
        return await self._db.write(
            lambda tx: staging.stage_append(
                tx, account_id, batch_id, request, import_id, replaces=replaces
            )
        )

    @asynccontextmanager
    async def _until_revealed(self, staged: staging.Staged) -> AsyncIterator[SqlStaging]:
        under_way = SqlStaging(self._db, staged)
        try:
            yield under_way
        finally:
            await under_way.erase()
