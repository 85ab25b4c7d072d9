"""AddScheduledCalls."""

from collections.abc import Iterable
from dataclasses import dataclass

from outdial_server.commands.rows import check_rows
from outdial_server.domain.checks import RawRow
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.request import RequestKey
from outdial_server.ports.batches import BatchStore, StoredRows
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class AddScheduledCalls:
    batches: BatchStore
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        raw_rows: Iterable[RawRow],
        request: RequestKey | None,
    ) -> StoredRows:
        """Raises InvalidFieldsError, NotFoundError (BATCH_NOT_FOUND), PreconditionError
        (BATCH_STATE), AlreadyExistsError (REQUEST_ID_REUSED)."""
        rows = await check_rows(raw_rows)
        if not rows:
            raise invalid_field("scheduled_calls", "must have at least one entry")
        stored = await self.batches.add_rows(account_id, batch_id, rows, request)
        self.signals.wake(Topic.CLAIM)
        return stored
