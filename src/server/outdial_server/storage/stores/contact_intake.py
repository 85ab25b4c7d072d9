"""ContactIntake over a database."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.contact import NewContact
from outdial_server.domain.errors import ConflictError, Reason
from outdial_server.domain.ids import ContactFolderId, ImportId
from outdial_server.domain.imports import Finding, Import, ImportCounts
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.ports.contact_intake import ContactImport, StoredContacts
from outdial_server.storage.database import Database
from outdial_server.storage.stores.erasing_groups import ERASE_ROWS, erase_in_groups
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import contact_merging
from outdial_server.storage.verbs.contact_merging import StagedContacts
from outdial_server.storage.verbs.imports import erase_staged_contacts, erase_unended


class SqlContactStaging:
    """ContactStaging."""

    duplicates = DuplicatePolicy.SKIP
    first_position = 0

    def __init__(self, database: Database, staged: StagedContacts) -> None:
        self._db = database
        self._staged = staged
        self._places = 0
        self._finding_count = 0

    @property
    def is_repeated(self) -> bool:
        return self._staged.import_key is None

    async def already_there(self, addresses: Collection[str]) -> AsyncIterator[Mapping[str, int]]:
        """Nobody: who is in the folder is found when the rows go in."""
        nobody: Mapping[str, int] = {}
        yield nobody

    async def stage(self, rows: Sequence[NewContact], findings: Sequence[Finding] = ()) -> None:
        key, after = self._staged.import_key, self._places
        assert key is not None, "a repeated request stages nothing"
        if not rows and not findings:
            # A turn for the others all the same.
            await asyncio.sleep(0)
            return
        await self._db.write(lambda tx: contact_merging.stage(tx, key, after, rows, findings))
        self._places += len(rows) + len(findings)
        self._finding_count += len(findings)

    async def add(self, counts: ImportCounts, request: RequestKey | None) -> StoredContacts:
        decided = await self._db.write(
            lambda tx: contact_merging.decide(
                tx, self._staged, counts, self._finding_count, request
            )
        )
        if not decided:
            assert request is not None, "only a request with an id has a twin"
            return await self.earlier(request)
        wanted = self._staged.wanted
        return await self._finished(wanted.import_id, wanted.folder_id)

    async def refuse(self, counts: ImportCounts) -> Import:
        await self._erase_rows()
        return await self._db.write(lambda tx: contact_merging.refuse(tx, self._staged, counts))

    async def earlier(self, request: RequestKey) -> StoredContacts:
        account_id = self._staged.wanted.account_id
        known = await self._db.read(lambda tx: contact_merging.earlier(tx, account_id, request))
        if known is None:
            raise ConflictError(
                Reason.BATCH_CHANGED, "the answer to this request_id was just forgotten"
            )
        return await self._finished(*known)

    async def _finished(self, import_id: ImportId, folder_id: ContactFolderId) -> StoredContacts:
        """Whoever else is at it helps."""
        while await self._db.write(lambda tx: contact_merging.merge_some(tx, import_id)):
            pass
        account_id = self._staged.wanted.account_id
        return await self._db.read(
            lambda tx: contact_merging.stored(tx, account_id, import_id, folder_id)
        )

    async def erase(self) -> None:
        """Whatever of it was not decided."""
        key = self._staged.import_key
        if key is not None:
            await erase_in_groups(self._db, lambda tx: erase_unended(tx, key, ERASE_ROWS))

    async def _erase_rows(self) -> None:
        key = self._staged.import_key
        assert key is not None, "a repeated request has no rows"

        def erase(tx: Tx) -> int:
            return erase_staged_contacts(tx, key, ERASE_ROWS)

        await erase_in_groups(self._db, erase)


class SqlContactIntake:
    def __init__(self, database: Database) -> None:
        self._db = database

    @asynccontextmanager
    async def begin(
        self, wanted: ContactImport, request: RequestName | None
    ) -> AsyncIterator[SqlContactStaging]:
        staged = await self._db.write(lambda tx: contact_merging.begin(tx, wanted, request))
        staging = SqlContactStaging(self._db, staged)
        try:
            yield staging
        finally:
            await staging.erase()
