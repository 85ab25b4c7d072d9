"""ExternalCallStore over a database."""

from outdial_server.domain.external_call import ExternalCall, ExternalReport
from outdial_server.domain.ids import AccountId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import external_calls


class SqlExternalCalls:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def report_external_call(
        self, account_id: AccountId, report: ExternalReport
    ) -> ExternalCall:
        return await self._db.write(
            lambda tx: external_calls.report_external_call(tx, account_id, report)
        )

    async def end_external_call(self, account_id: AccountId, external_id: str) -> bool:
        return await self._db.write(
            lambda tx: external_calls.end_external_call(tx, account_id, external_id)
        )

    async def list_external_calls(
        self, account_id: AccountId, page: PageRequest
    ) -> Page[ExternalCall]:
        return await self._db.read(
            lambda tx: external_calls.list_external_calls(tx, account_id, page)
        )
