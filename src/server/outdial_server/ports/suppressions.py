"""The do-not-call lists."""

from collections.abc import Sequence
from typing import Protocol

from outdial_server.domain.ids import AccountId, SuppressionId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.suppression import Suppression, SuppressionFields


class SuppressionStore(Protocol):
    async def put_suppressions(
        self, account_id: AccountId, addresses: Sequence[str], fields: SuppressionFields
    ) -> tuple[Sequence[Suppression], int]:
        """Entries for distinct addresses in normal form, in their order, and how many of
        them are new; those that were there are renewed. One transaction, at most 500.
        Claims on these addresses that were not sent are taken away. Raises NotFoundError
        (ACCOUNT_NOT_FOUND)."""
        ...

    async def get_suppression(
        self, account_id: AccountId, suppression_id: SuppressionId
    ) -> Suppression:
        """Raises NotFoundError (SUPPRESSION_NOT_FOUND)."""
        ...

    async def list_suppressions(
        self, account_id: AccountId, page: PageRequest, address: str = "", source: str = ""
    ) -> Page[Suppression]:
        """Oldest first; `address` is in normal form."""
        ...

    async def delete_suppression(
        self, account_id: AccountId, suppression_id: SuppressionId
    ) -> None:
        """Raises NotFoundError (SUPPRESSION_NOT_FOUND)."""
        ...
