"""StartBatch and ResumeBatch: both let the engine loose."""

from dataclasses import dataclass

from outdial_server.commands.carrier_readiness import CarrierReadiness
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import Batch
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.batches import BatchStore, Decide
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class StartBatch:
    batches: BatchStore
    signals: Signals
    # None: every carrier takes whatever comes.
    readiness: CarrierReadiness | None = None

    async def execute(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        """Raises NotFoundError (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE,
        BATCH_EMPTY, AGENT_INACTIVE, WINDOW_CLOSED, NO_USABLE_NUMBER, CARRIER_NOT_CONFIGURED,
        AGENT_HAS_NO_JOIN_URL, JOIN_URL_UNFIT)."""
        if self.readiness is not None:
            await self.readiness.refuse_unready(account_id, batch_id)
        return await self._go(account_id, batch_id, rules.start)

    async def resume(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        """Raises NotFoundError (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE)."""
        return await self._go(account_id, batch_id, rules.resume)

    async def _go(self, account_id: AccountId, batch_id: BatchId, decide: Decide) -> Batch:
        batch = await self.batches.change_batch(account_id, batch_id, decide)
        self.signals.wake(Topic.CLAIM, Topic.WINDOW)
        return batch
