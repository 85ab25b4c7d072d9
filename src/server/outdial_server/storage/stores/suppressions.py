"""SuppressionStore over a database."""

from collections.abc import Sequence

from outdial_server.domain.ids import AccountId, SuppressionId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.suppression import Suppression, SuppressionFields
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import suppressions


class SqlSuppressions:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def put_suppressions(
        self, account_id: AccountId, addresses: Sequence[str], fields: SuppressionFields
    ) -> tuple[Sequence[Suppression], int]:
        return await self._db.write(
            lambda tx: suppressions.put_suppressions(tx, account_id, addresses, fields)
        )

    async def get_suppression(
        self, account_id: AccountId, suppression_id: SuppressionId
    ) -> Suppression:
        return await self._db.read(
            lambda tx: suppressions.get_suppression(tx, account_id, suppression_id)
        )

    async def list_suppressions(
        self, account_id: AccountId, page: PageRequest, address: str = "", source: str = ""
    ) -> Page[Suppression]:
        return await self._db.read(
            lambda tx: suppressions.list_suppressions(tx, account_id, page, address, source)
        )

    async def delete_suppression(
        self, account_id: AccountId, suppression_id: SuppressionId
    ) -> None:
        await self._db.write(
            lambda tx: suppressions.delete_suppression(tx, account_id, suppression_id)
        )
