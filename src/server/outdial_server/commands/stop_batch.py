"""PauseBatch, CancelBatch and DeleteBatch: each commits, then waits for the requests that
were already on their way."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.batches import BatchStore, Decide
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import Signals, Topic

_RECORDING_MARGIN: Final = timedelta(seconds=2)
"""From a request's end to the commit that records it."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """With `sends_in_flight` 0 no further request of the batch can leave."""

    batch: Batch
    sends_in_flight: int


@dataclass(frozen=True, slots=True)
class StopBatch:
    batches: BatchStore
    clock: Clock
    signals: Signals
    carrier_deadline: timedelta = CARRIER_DEADLINE

    async def pause(self, account_id: AccountId, batch_id: BatchId) -> Stopped:
        """Raises NotFoundError (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE)."""
        return await self._stop(account_id, batch_id, rules.pause)

    async def cancel(self, account_id: AccountId, batch_id: BatchId) -> Stopped:
        """Raises NotFoundError (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE)."""
        return await self._stop(account_id, batch_id, rules.cancel)

    async def delete(
        self, account_id: AccountId, batch_id: BatchId, states: Collection[BatchState] = ()
    ) -> Stopped:
        """Only in one of `states`, if any are given. Raises NotFoundError (BATCH_NOT_FOUND),
        PreconditionError (BATCH_STATE)."""
        return await self._stop(account_id, batch_id, partial(rules.delete, states=states))

    async def _stop(self, account_id: AccountId, batch_id: BatchId, decide: Decide) -> Stopped:
        batch = await self.batches.change_batch(account_id, batch_id, decide)
        self.signals.wake(Topic.SETTLE, Topic.WINDOW)
        sends = await self._wait_for_sends(batch_id)
        if batch.deleted_at is None:
            batch = await self.batches.get_batch(account_id, batch_id)
        return Stopped(batch, sends)

    async def _wait_for_sends(self, batch_id: BatchId) -> int:
        """Every move out of SENDING is an event of the batch, so its commits wake us."""
        deadline = self.clock.now() + self.carrier_deadline + _RECORDING_MARGIN
        while True:
            seen = self.signals.revision(batch_id)
            sends = await self.batches.sends_in_flight(batch_id)
            if sends == 0 or self.clock.now() >= deadline:
                return sends
            await self.signals.wait_changed(batch_id, seen, deadline)
