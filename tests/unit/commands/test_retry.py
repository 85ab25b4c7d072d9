"""RetryBatch goes group by group, and the engine hears of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from outdial_server.commands.retry import GROUP_ROWS, Retry
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, ScheduledCallId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.retry import retry_selection
from outdial_server.domain.scheduled_call import ScheduledCall
from outdial_server.ports.retries import RetriedGroup, RetryOrder
from outdial_server.ports.signals import Topic
from support.batches import MemoryBatches
from support.clock import START, ManualClock, ManualSignals
from support.domain import ACCOUNT, BATCH, a_batch

ORDER = RetryOrder(ACCOUNT, BATCH, retry_selection((), ()))


@dataclass
class Groups:
    """Answers with these groups, one after the other; then refuses, if it is to."""

    groups: Sequence[RetriedGroup]
    refusal: Exception | None = None
    asked: list[tuple[datetime, int, int]] = field(default_factory=list)

    async def begin_retry(self, order: RetryOrder, request: RequestKey | None) -> datetime:
        return START

    async def retry_rows(
        self, order: RetryOrder, ended_by: datetime, from_position: int, limit: int
    ) -> RetriedGroup:
        self.asked.append((ended_by, from_position, limit))
        if len(self.asked) > len(self.groups) and self.refusal is not None:
            raise self.refusal
        return self.groups[len(self.asked) - 1]

    async def retry_scheduled_call(
        self,
        account_id: AccountId,
        scheduled_call_id: ScheduledCallId,
        request: RequestKey | None,
    ) -> ScheduledCall:
        raise NotImplementedError


def a_retry(groups: Groups) -> tuple[Retry, ManualSignals]:
    clock = ManualClock()
    signals = ManualSignals(clock)
    return Retry(groups, MemoryBatches(clock, signals, a_batch()), signals), signals


async def test_groups_follow_each_other_to_the_last() -> None:
    groups = Groups([RetriedGroup(3, 10), RetriedGroup(0, 20), RetriedGroup(2, None)])
    retry, signals = a_retry(groups)
    retried = await retry.batch(ORDER, None)
    assert (retried.batch.batch_id, retried.count) == (BATCH, 5)
    assert groups.asked == [(START, at, GROUP_ROWS) for at in (0, 10, 20)]
    await signals.wait(Topic.CLAIM, None)
    await signals.wait(Topic.WINDOW, None)


async def test_what_stops_a_retry_in_the_middle_is_told() -> None:
    stopped = PreconditionError(Reason.BATCH_STATE, "cancelled meanwhile")
    groups = Groups([RetriedGroup(3, 10)], refusal=stopped)
    retry, signals = a_retry(groups)
    with pytest.raises(PreconditionError) as refusal:
        await retry.batch(ORDER, None)
    assert refusal.value is stopped
    # What has moved is dialled.
    await signals.wait(Topic.CLAIM, None)
