"""PhoneNumberStore over a database."""

from collections.abc import Callable

from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.phone_number import PhoneNumber, PhoneNumberFields
from outdial_server.domain.request import RequestKey
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import number_binding, phone_numbers


class SqlPhoneNumbers:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_phone_number(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        address: str,
        fields: PhoneNumberFields,
        request: RequestKey | None = None,
    ) -> PhoneNumber:
        return await self._db.write(
            lambda tx: phone_numbers.create_phone_number(
                tx, account_id, phone_number_id, address, fields, request
            )
        )

    async def get_phone_number(
        self, account_id: AccountId, phone_number_id: PhoneNumberId
    ) -> PhoneNumber:
        return await self._db.read(
            lambda tx: phone_numbers.get_phone_number(tx, account_id, phone_number_id)
        )

    async def list_phone_numbers(
        self, account_id: AccountId, page: PageRequest, address: str = "", agent_id: str = ""
    ) -> Page[PhoneNumber]:
        return await self._db.read(
            lambda tx: phone_numbers.list_phone_numbers(tx, account_id, page, address, agent_id)
        )

    async def change_phone_number(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        decide: Callable[[PhoneNumber], PhoneNumberFields],
        *,
        lifts_hold: bool = False,
    ) -> PhoneNumber:
        return await self._db.write(
            lambda tx: phone_numbers.change_phone_number(
                tx, account_id, phone_number_id, decide, lifts_hold=lifts_hold
            )
        )

    async def delete_phone_number(
        self, account_id: AccountId, phone_number_id: PhoneNumberId
    ) -> None:
        await self._db.write(
            lambda tx: number_binding.delete_phone_number(tx, account_id, phone_number_id)
        )

    async def bind_phone_number(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        agent_id: AgentId,
        place: int | None = None,
    ) -> PhoneNumber:
        return await self._db.write(
            lambda tx: number_binding.bind_phone_number(
                tx, account_id, phone_number_id, agent_id, place
            )
        )

    async def unbind_phone_number(
        self, account_id: AccountId, phone_number_id: PhoneNumberId
    ) -> PhoneNumber:
        return await self._db.write(
            lambda tx: number_binding.unbind_phone_number(tx, account_id, phone_number_id)
        )
