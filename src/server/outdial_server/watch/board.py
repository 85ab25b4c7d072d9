"""What a watcher of many batches has been told, held against what there is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.ids import BatchId
from outdial_server.ports.board import ENDED_MAX, FOLLOWED_MAX, Look

OVERLAP: Final = timedelta(seconds=10)
"""A transaction of another server is seen so much later than its moment, at most. What ended
so lately is looked for again, and known by its sequence."""
TOLD_MAX: Final = 2 * (FOLLOWED_MAX + ENDED_MAX)
"""What was told before a flush, and what the flush tells, before the first is let go."""


@dataclass(frozen=True, slots=True)
class Told:
    """The sequence in which each followed batch was told, and since when ended ones are
    looked for: None before the first look."""

    sequences: Mapping[BatchId, int] = field(default_factory=dict)
    ended_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    changed: Sequence[BatchId]
    # Deleted since they were told.
    gone: Sequence[BatchId]


def difference(told: Told, look: Look) -> Difference:
    """What a watcher is told next. Batches that have not ended and are not among the newest
    any more are let go without a word: the look says that it is truncated."""
    last_words = {
        batch_id: standing
        for batch_id, standing in look.others.items()
        if standing.ended_at is not None
    }
    shown = {**look.followed, **look.ended, **last_words}
    return Difference(
        [
            batch_id
            for batch_id, standing in shown.items()
            if told.sequences.get(batch_id) != standing.sequence
        ],
        [
            batch_id
            for batch_id in told.sequences
            if batch_id not in shown and batch_id not in look.others
        ],
    )


def with_told(told: Told, batches: Iterable[Batch]) -> Told:
    news = {batch.batch_id: batch.sequence for batch in batches}
    return replace(told, sequences={**told.sequences, **news})


def without(told: Told, gone: Collection[BatchId]) -> Told:
    left = {key: sequence for key, sequence in told.sequences.items() if key not in gone}
    return replace(told, sequences=left)


def settled(told: Told, look: Look) -> Told:
    """After all of a look was told: less what is not followed any more."""
    since = look.at if told.ended_since is None else max(told.ended_since, look.at - OVERLAP)
    kept = {
        batch_id: sequence
        for batch_id, sequence in told.sequences.items()
        if batch_id in look.followed
        or _was_changed_since(look, batch_id, sequence)
        or _ended_after(look, batch_id, since)
    }
    return Told(kept, since)


def is_over(told: Told, look: Look) -> bool:
    """Whether all of the batches that were named have ended, and been told so: one that was
    retried meanwhile was told with a later sequence than the look has."""
    are_ended = all(standing.ended_at is not None for standing in look.followed.values())
    return are_ended and not difference(told, look).changed


def _was_changed_since(look: Look, batch_id: BatchId, sequence: int) -> bool:
    """Whether a batch that had ended was retried or deleted between the look and the read:
    the next look tells."""
    standing = look.ended.get(batch_id) or look.others.get(batch_id)
    if standing is None or standing.ended_at is None:
        return False
    return standing.sequence != sequence


def _ended_after(look: Look, batch_id: BatchId, since: datetime) -> bool:
    standing = look.ended.get(batch_id)
    return standing is not None and standing.ended_at is not None and standing.ended_at > since
