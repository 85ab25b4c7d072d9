"""The event log, as watchers see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from outdial_server.domain.batch import Batch
from outdial_server.domain.event import Event
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import ScheduledCall


@dataclass(frozen=True, slots=True)
class EventSlice:
    """Events in order, and the batch as it was when they were read: the log has been read
    to its end when the last of them (or the sequence asked from) is `batch.sequence`."""

    batch: Batch
    events: Sequence[Event]
    # The oldest event that has not been erased.
    oldest_sequence: int = 1


@dataclass(frozen=True, slots=True)
class RowSlice:
    """Rows, and the batch, at one moment: `batch.sequence` is that moment."""

    batch: Batch
    rows: Sequence[ScheduledCall]
    # Up to which event the rows are complete; only for `changed_since`.
    complete_to: int = 0


class EventLog(Protocol):
    """All reads are consistent in themselves, and see deleted batches: whoever opened a
    stream sees it to its end, until it is erased. Raises NotFoundError (BATCH_NOT_FOUND)."""

    async def read(
        self, batch_id: BatchId, after: int, limit: int, *, thinned: bool = False
    ) -> EventSlice:
        """The events with a sequence greater than `after`, at most `limit`. Thinned they are
        those of the batch itself, and the last one of whatever kind, which says how far was
        read. Raises OutOfRangeError (EVENTS_ERASED, metadata `oldest_sequence`) when some of
        them were erased."""
        ...

    async def rows(self, batch_id: BatchId, after_position: int, limit: int) -> RowSlice:
        """At most `limit` rows behind a position (-1 for the first)."""
        ...

    async def changed_since(self, batch_id: BatchId, after: int, limit: int) -> RowSlice:
        """The present rows of the scheduled calls that the next `limit` events after
        `after` changed. `complete_to` is the last of those events. Pages of `rows`, read
        at different moments and then brought up like this until `complete_to` is
        `batch.sequence`, are the batch at that sequence, exactly. Raises as `read`."""
        ...
