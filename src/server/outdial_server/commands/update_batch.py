"""UpdateBatch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from outdial_server.domain.batch import Batch, BatchChange, BatchSettings, edit
from outdial_server.domain.checks import Checks, check_batch_settings
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.batches import BatchStore
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class UpdateBatch:
    batches: BatchStore
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        change: Callable[[BatchSettings], BatchSettings],
        etag: str = "",
    ) -> Batch:
        """`change` writes what the client's mask names over the present settings. Raises
        InvalidFieldsError, NotFoundError (BATCH_NOT_FOUND), PreconditionError
        (BATCH_STATE), ConflictError (ETAG_MISMATCH)."""

        def decide(batch: Batch, now: datetime) -> BatchChange | None:
            check_etag(etag, batch.revision)
            return edit(batch, _checked(batch.settings, change(batch.settings), now), now)

        batch = await self.batches.change_batch(account_id, batch_id, decide)
        self.signals.wake(Topic.CLAIM, Topic.WINDOW, Topic.SETTLE)
        return batch


def _checked(before: BatchSettings, after: BatchSettings, now: datetime) -> BatchSettings:
    checks = Checks("batch.")
    end_is_new = after.window_end != before.window_end
    check_batch_settings(checks, after, now, end_is_new=end_is_new)
    caller_id = checks.phone_number("caller_id", after.caller_id)
    checks.raise_if_any()
    return replace(after, caller_id=caller_id)
