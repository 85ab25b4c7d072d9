"""Ended rows that wait again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from outdial_server.domain.ids import AccountId, BatchId, ScheduledCallId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.retry import RetrySelection
from outdial_server.domain.scheduled_call import ScheduledCall


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """What is asked for, of one batch."""

    account_id: AccountId
    batch_id: BatchId
    selection: RetrySelection
    # A later end of the window; None leaves the batch's.
    window_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetriedGroup:
    count: int
    # Where the next group starts; None after the last.
    next_position: int | None


class RetryStore(Protocol):
    async def begin_retry(self, order: RetryOrder, request: RequestKey | None) -> datetime:
        """Checks the order and gives a batch that has not ended its later window end.
        Returns the moment up to which rows must have ended to take part; for a repeated
        request that of the first, so that nobody is dialled twice for one request. Raises
        NotFoundError (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE, WINDOW_CLOSED),
        InvalidFieldsError, AlreadyExistsError (REQUEST_ID_REUSED)."""
        ...

    async def retry_rows(
        self, order: RetryOrder, ended_by: datetime, from_position: int, limit: int
    ) -> RetriedGroup:
        """Lets the next rows wait again, at most `limit`, in one transaction with counts and
        events; an ended batch goes on with the first of them. A group may move none and not
        be the last. Raises as `begin_retry`."""
        ...

    async def retry_scheduled_call(
        self,
        account_id: AccountId,
        scheduled_call_id: ScheduledCallId,
        request: RequestKey | None,
    ) -> ScheduledCall:
        """The same for one row, however it ended. Raises NotFoundError
        (SCHEDULED_CALL_NOT_FOUND), PreconditionError (SCHEDULED_CALL_NOT_ENDED,
        BATCH_STATE, WINDOW_CLOSED), AlreadyExistsError (REQUEST_ID_REUSED)."""
        ...
