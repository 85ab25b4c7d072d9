"""ImportStore over a database."""

from outdial_server.domain.ids import AccountId, ImportId
from outdial_server.domain.imports import Finding, Import
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import imports


class SqlImports:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def get_import(self, account_id: AccountId, import_id: ImportId) -> Import:
        return await self._db.read(lambda tx: imports.get_import(tx, account_id, import_id))

    async def list_findings(
        self, account_id: AccountId, import_id: ImportId, page: PageRequest
    ) -> Page[Finding]:
        return await self._db.read(
            lambda tx: imports.list_findings(tx, account_id, import_id, page)
        )
