"""Throttles as resources."""

from collections.abc import Callable
from typing import Protocol

from outdial_server.domain.ids import AccountId, ThrottleId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.throttle import Throttle, ThrottleFields


class ThrottleStore(Protocol):
    async def create_throttle(
        self,
        account_id: AccountId,
        throttle_id: ThrottleId,
        fields: ThrottleFields,
        request: RequestKey | None = None,
    ) -> Throttle:
        """Raises AlreadyExistsError (THROTTLE_NAME_TAKEN, REQUEST_ID_REUSED)."""
        ...

    async def get_throttle(self, account_id: AccountId, throttle_id: ThrottleId) -> Throttle:
        """Raises NotFoundError (THROTTLE_NOT_FOUND)."""
        ...

    async def list_throttles(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[Throttle]:
        """Oldest first; with a name, the throttle of exactly that name."""
        ...

    async def change_throttle(
        self,
        account_id: AccountId,
        throttle_id: ThrottleId,
        decide: Callable[[Throttle], ThrottleFields],
    ) -> Throttle:
        """Reads, decides and writes in one transaction. Raises NotFoundError
        (THROTTLE_NOT_FOUND), AlreadyExistsError (THROTTLE_NAME_TAKEN)."""
        ...

    async def delete_throttle(self, account_id: AccountId, throttle_id: ThrottleId) -> None:
        """Raises NotFoundError (THROTTLE_NOT_FOUND), PreconditionError (THROTTLE_IN_USE)."""
        ...
