"""RetryBatch and RetryScheduledCall."""

from dataclasses import dataclass
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.ids import AccountId, ScheduledCallId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.scheduled_call import ScheduledCall
from outdial_server.ports.batches import BatchStore
from outdial_server.ports.retries import RetryOrder, RetryStore
from outdial_server.ports.signals import Signals, Topic

GROUP_ROWS: Final = 500
"""About 10 ms of the writer: dialling waits no longer than that for its turn."""


@dataclass(frozen=True, slots=True)
class Retried:
    batch: Batch
    count: int


@dataclass(frozen=True, slots=True)
class Retry:
    retries: RetryStore
    batches: BatchStore
    signals: Signals

    async def batch(self, order: RetryOrder, request: RequestKey | None) -> Retried:
        """Group by group, by position. Should every call of the groups that have moved end
        before the next one moves, the batch ends in between, and goes on with that one.
        Raises as RetryStore does; groups that have moved stay so."""
        ended_by = await self.retries.begin_retry(order, request)
        self._wake()
        count = 0
        position: int | None = 0
        while position is not None:
            group = await self.retries.retry_rows(order, ended_by, position, GROUP_ROWS)
            position = group.next_position
            if group.count:
                count += group.count
                self._wake()
        return Retried(await self.batches.get_batch(order.account_id, order.batch_id), count)

    async def scheduled_call(
        self,
        account_id: AccountId,
        scheduled_call_id: ScheduledCallId,
        request: RequestKey | None,
    ) -> ScheduledCall:
        """Raises as RetryStore does."""
        row = await self.retries.retry_scheduled_call(account_id, scheduled_call_id, request)
        self._wake()
        return row

    def _wake(self) -> None:
        self.signals.wake(Topic.CLAIM, Topic.WINDOW)
