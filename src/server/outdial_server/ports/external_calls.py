"""External calls."""

from typing import Protocol

from outdial_server.domain.external_call import ExternalCall, ExternalReport
from outdial_server.domain.ids import AccountId
from outdial_server.domain.paging import Page, PageRequest


class ExternalCallStore(Protocol):
    async def report_external_call(
        self, account_id: AccountId, report: ExternalReport
    ) -> ExternalCall:
        """Takes the slots of a new one, beyond their caps if need be, and prolongs one that
        is there. Raises NotFoundError (AGENT_NOT_FOUND, CARRIER_CONFIG_NOT_FOUND),
        ExhaustedError (TOO_MANY_EXTERNAL_CALLS)."""
        ...

    async def end_external_call(self, account_id: AccountId, external_id: str) -> bool:
        """Frees its slots; False when there is none such."""
        ...

    async def list_external_calls(
        self, account_id: AccountId, page: PageRequest
    ) -> Page[ExternalCall]:
        """Oldest first."""
        ...
