"""ThrottleStore over a database."""

from collections.abc import Callable

from outdial_server.domain.ids import AccountId, ThrottleId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.throttle import Throttle, ThrottleFields
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import throttles


class SqlThrottles:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_throttle(
        self,
        account_id: AccountId,
        throttle_id: ThrottleId,
        fields: ThrottleFields,
        request: RequestKey | None = None,
    ) -> Throttle:
        return await self._db.write(
            lambda tx: throttles.create_throttle(tx, account_id, throttle_id, fields, request)
        )

    async def get_throttle(self, account_id: AccountId, throttle_id: ThrottleId) -> Throttle:
        return await self._db.read(lambda tx: throttles.get_throttle(tx, account_id, throttle_id))

    async def list_throttles(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[Throttle]:
        return await self._db.read(
            lambda tx: throttles.list_throttles(tx, account_id, page, display_name)
        )

    async def change_throttle(
        self,
        account_id: AccountId,
        throttle_id: ThrottleId,
        decide: Callable[[Throttle], ThrottleFields],
    ) -> Throttle:
        return await self._db.write(
            lambda tx: throttles.change_throttle(tx, account_id, throttle_id, decide)
        )

    async def delete_throttle(self, account_id: AccountId, throttle_id: ThrottleId) -> None:
        await self._db.write(lambda tx: throttles.delete_throttle(tx, account_id, throttle_id))
