"""Batches and their rows, as commands see them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.batch_rules import BatchChange
from outdial_server.domain.call import ANY_CALL, Call, CallFilter
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.domain.told_call import ToldCall


@dataclass(frozen=True, slots=True)
class ScheduledCallResult:
    """A row and its latest call, which is None where `scheduled_call.call_id` is."""

    scheduled_call: ScheduledCall
    call: Call | None


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Results by position. May hold none and not be the last."""

    results: Sequence[ScheduledCallResult]
    # Where the next page starts; None after the last.
    next_position: int | None


Decide = Callable[[Batch, datetime], BatchChange | None]
"""A pure decision over a batch; None changes nothing, raising refuses."""


class BatchStore(Protocol):
    async def get_batch(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        """Raises NotFoundError (BATCH_NOT_FOUND); a deleted batch is not found."""
        ...

    async def list_batches(
        self,
        account_id: AccountId,
        page: PageRequest,
        states: Collection[BatchState] = (),
        agent_id: AgentId | None = None,
    ) -> Page[Batch]:
        """Newest first."""
        ...

    async def change_batch(self, account_id: AccountId, batch_id: BatchId, decide: Decide) -> Batch:
        """Reads, decides and writes in one transaction, with the event, under the batch
        row: no call of the batch becomes SENDING in between. A batch left with nothing
        unfinished ends in the same transaction. Raises NotFoundError (BATCH_NOT_FOUND), and
        PreconditionError (NO_USABLE_NUMBER) where a draft would be started without one."""
        ...

    async def rehearse_change(
        self, account_id: AccountId, batch_id: BatchId, decide: Decide
    ) -> Batch:
        """What `change_batch` would answer, or raise; nothing is changed."""
        ...

    async def sends_in_flight(self, batch_id: BatchId) -> int:
        """Calls of the batch in SENDING, deleted batches included."""
        ...


class ResultReader(Protocol):
    async def export_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        from_position: int,
        limit: int,
        states: Collection[ScheduledCallState] = (),
        *,
        with_conversations: bool = False,
    ) -> ResultPage:
        """At most `limit` rows with their calls, by position. Takes as long for a state
        that is rare as for one that is not. Raises NotFoundError (BATCH_NOT_FOUND)."""
        ...


class CallStore(ResultReader, Protocol):
    async def get_scheduled_call(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> ScheduledCall:
        """Raises NotFoundError (SCHEDULED_CALL_NOT_FOUND)."""
        ...

    async def list_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        page: PageRequest,
        states: Collection[ScheduledCallState] = (),
        custom_id: str = "",
        outcomes: Collection[DispatchOutcome] = (),
    ) -> Page[ScheduledCall]:
        """By position. Raises NotFoundError (BATCH_NOT_FOUND)."""
        ...

    async def cancel_scheduled_call(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> ScheduledCall:
        """WAITING to CANCELLED, a row that is claimed but not sent included. Raises
        NotFoundError (SCHEDULED_CALL_NOT_FOUND), PreconditionError
        (SCHEDULED_CALL_NOT_WAITING)."""
        ...

    async def get_call(self, account_id: AccountId, call_id: CallId) -> Call:
        """A call from SENDING on, or a direct one. Raises NotFoundError (CALL_NOT_FOUND)."""
        ...

    async def delete_call(self, account_id: AccountId, call_id: CallId) -> None:
        """Hides one that has ended, and erases what was kept of it alone. Raises NotFoundError
        (CALL_NOT_FOUND), PreconditionError (CALL_NOT_ENDED)."""
        ...

    async def cancel_direct_call(self, account_id: AccountId, call_id: CallId) -> Call:
        """Ends one that has not been sent, and gives it as it is by then. Any other call stays
        as it is. Raises NotFoundError (CALL_NOT_FOUND)."""
        ...

    async def list_calls(
        self, account_id: AccountId, page: PageRequest, wanted: CallFilter = ANY_CALL
    ) -> Page[Call]:
        """Newest first. Raises NotFoundError for a batch, scheduled call or agent that is named
        and not there."""
        ...

    async def told_calls(self, call_ids: Collection[CallId]) -> Mapping[CallId, ToldCall]:
        """With what stands beside them; those that were erased are missing."""
        ...
