"""Phone numbers as resources."""

from collections.abc import Callable
from typing import Protocol

from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.phone_number import PhoneNumber, PhoneNumberFields
from outdial_server.domain.request import RequestKey


class PhoneNumberStore(Protocol):
    async def create_phone_number(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        address: str,
        fields: PhoneNumberFields,
        request: RequestKey | None = None,
    ) -> PhoneNumber:
        """Raises AlreadyExistsError (PHONE_NUMBER_TAKEN, REQUEST_ID_REUSED)."""
        ...

    async def get_phone_number(
        self, account_id: AccountId, phone_number_id: PhoneNumberId
    ) -> PhoneNumber:
        """Raises NotFoundError (PHONE_NUMBER_NOT_FOUND)."""
        ...

    async def list_phone_numbers(
        self, account_id: AccountId, page: PageRequest, address: str = "", agent_id: str = ""
    ) -> Page[PhoneNumber]:
        """Oldest first; with an address the one of exactly that, with an agent its own."""
        ...

    async def change_phone_number(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        decide: Callable[[PhoneNumber], PhoneNumberFields],
        *,
        lifts_hold: bool = False,
    ) -> PhoneNumber:
        """Reads, decides and writes in one transaction. With `lifts_hold` it is forgotten that
        the carrier refused it. Raises NotFoundError
        (PHONE_NUMBER_NOT_FOUND)."""
        ...

    async def delete_phone_number(
        self, account_id: AccountId, phone_number_id: PhoneNumberId
    ) -> None:
        """Raises NotFoundError (PHONE_NUMBER_NOT_FOUND)."""
        ...

    async def bind_phone_number(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        agent_id: AgentId,
        place: int | None = None,
    ) -> PhoneNumber:
        """Among the agent's numbers at `place`; behind the last without one, unless it is
        there already. Raises NotFoundError (PHONE_NUMBER_NOT_FOUND, AGENT_NOT_FOUND),
        PreconditionError (PHONE_NUMBER_BOUND, TOO_MANY_NUMBERS)."""
        ...

    async def unbind_phone_number(
        self, account_id: AccountId, phone_number_id: PhoneNumberId
    ) -> PhoneNumber:
        """Raises NotFoundError (PHONE_NUMBER_NOT_FOUND)."""
        ...
