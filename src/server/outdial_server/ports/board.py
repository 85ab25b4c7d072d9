"""The batches of an account, as those who watch them all see them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from outdial_server.domain.batch import Batch
from outdial_server.domain.ids import AccountId, AgentId, BatchId

FOLLOWED_MAX: Final = 200
"""Unfinished batches of an account that one watcher follows, the newest."""
ENDED_MAX: Final = 50
"""Batches that ended lately that one look shows, the last to end."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which batches are watched: those that are named, else those that have not ended."""

    account_id: AccountId
    batch_ids: tuple[BatchId, ...] = ()
    agent_id: AgentId | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a batch stands: with each event its sequence is another."""

    sequence: int
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """What there is at one moment. A batch that was deleted is nowhere in it."""

    at: datetime
    # Those that are named; else the newest `FOLLOWED_MAX` that have not ended.
    followed: Mapping[BatchId, Standing]
    # Only where none are named: those that ended since the moment that was asked for.
    ended: Mapping[BatchId, Standing]
    # The others that were asked for by id.
    others: Mapping[BatchId, Standing]
    # Whether more have not ended than are followed.
    is_truncated: bool = False


class Board(Protocol):
    async def look(
        self, selection: Selection, known: Collection[BatchId], ended_since: datetime | None
    ) -> Look:
        """Costs about as much as the page of a list, without what the batches hold. Without
        `ended_since` none are looked for that have ended."""
        ...

    async def batches(
        self, account_id: AccountId, batch_ids: Collection[BatchId]
    ) -> Sequence[Batch]:
        """Whole, as they are by now, in the order asked for; less those that were deleted."""
        ...
