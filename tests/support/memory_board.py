"""The batches of an account in memory, for those who watch them all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.board import ENDED_MAX, FOLLOWED_MAX, Look, Selection, Standing
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import Signals
from support.domain import a_batch


class MemoryBoard:
    """Board. `signals` is None where another server makes the changes."""

    def __init__(self, clock: Clock, signals: Signals | None) -> None:
        self._clock = clock
        self._signals = signals
        # In the order in which they were made.
        self.there: dict[BatchId, Batch] = {}
        self.looks = 0

    def add(self) -> BatchId:
        batch_id = BatchId(str(UUID(int=len(self.there) + 1)))
        self._put(a_batch(batch_id=batch_id))
        return batch_id

    def move(self, batch_id: BatchId) -> None:
        self._put(self._next(batch_id))

    def end(self, batch_id: BatchId) -> None:
        now = self._clock.now()
        self._put(replace(self._next(batch_id), state=BatchState.COMPLETED, ended_at=now))

    def retry(self, batch_id: BatchId) -> None:
        self._put(replace(self._next(batch_id), state=BatchState.RUNNING, ended_at=None))

    def delete(self, batch_id: BatchId) -> None:
        self._put(replace(self._next(batch_id), deleted_at=self._clock.now()))

    async def look(
        self, selection: Selection, known: Collection[BatchId], ended_since: datetime | None
    ) -> Look:
        self.looks += 1
        now, seen = self._clock.now(), self._seen()
        if selection.batch_ids:
            return Look(now, _standings(seen, selection.batch_ids), {}, {})
        unfinished = [i for i, batch in reversed(seen.items()) if batch.ended_at is None]
        ended = _last_ended(seen, ended_since)
        followed = unfinished[:FOLLOWED_MAX]
        others = [i for i in known if i not in followed and i not in ended]
        parts = (_standings(seen, part) for part in (followed, ended, others))
        return Look(now, *parts, is_truncated=len(unfinished) > FOLLOWED_MAX)

    async def batches(
        self, account_id: AccountId, batch_ids: Collection[BatchId]
    ) -> Sequence[Batch]:
        seen = self._seen()
        return [seen[batch_id] for batch_id in batch_ids if batch_id in seen]

    def _seen(self) -> dict[BatchId, Batch]:
        return {i: batch for i, batch in self.there.items() if batch.deleted_at is None}

    def _next(self, batch_id: BatchId) -> Batch:
        batch = self.there[batch_id]
        return replace(batch, sequence=batch.sequence + 1)

    def _put(self, batch: Batch) -> None:
        self.there[batch.batch_id] = batch
        if self._signals is not None:
            self._signals.publish((batch.batch_id,))


def _last_ended(seen: Mapping[BatchId, Batch], since: datetime | None) -> list[BatchId]:
    if since is None:
        return []
    ends = [(b.ended_at, i) for i, b in seen.items() if b.ended_at is not None]
    lately = sorted((end for end in ends if end[0] > since), reverse=True)
    return [batch_id for _, batch_id in lately[:ENDED_MAX]]


def _standings(
    seen: Mapping[BatchId, Batch], ids: Collection[BatchId]
) -> Mapping[BatchId, Standing]:
    return {i: Standing(seen[i].sequence, seen[i].ended_at) for i in ids if i in seen}
