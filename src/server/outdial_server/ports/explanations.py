"""What explanations are made of."""

from collections.abc import Callable
from typing import Protocol

from outdial_server.domain.explanation import BatchStanding, DiallingState, RowStanding
from outdial_server.domain.ids import AccountId, BatchId, ScheduledCallId


class StandingReader(Protocol):
    """Reads of one moment, bounded however long the lists are: about as much as one claim
    reads. They ask the gates that claims ask, and change nothing."""

    async def batch_standing(self, account_id: AccountId, batch_id: BatchId) -> BatchStanding:
        """Raises NotFoundError (BATCH_NOT_FOUND)."""
        ...

    async def row_standing(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> RowStanding:
        """Raises NotFoundError (SCHEDULED_CALL_NOT_FOUND)."""
        ...


DiallingProbe = Callable[[], DiallingState]
"""How this server stands; reads nothing but its memory."""
