"""Wake-ups. A signal says that something may have changed, never what: whoever is woken
looks at the store. Signals may be lost or doubled; slow sweeps stand behind them."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from outdial_server.domain.ids import BatchId

ANY_BATCH: Final = BatchId("")
"""Followed in place of one batch: its revision grows with every `publish`."""


class Topic(Enum):
    """Who is to be woken: the loops of the engine."""

    CLAIM = "claim"
    SEND = "send"
    REPORT = "report"
    WINDOW = "window"
    SETTLE = "settle"
    RECONCILE = "reconcile"
    REAP = "reap"
    AUDIT = "audit"
    EXTERNAL = "external"
    DELIVER = "deliver"
    RECALL = "recall"

    # By identity, which each member has for itself: every report wakes a topic, and the
    # enum's own hash is Python code.
    __hash__ = object.__hash__
    ERASE = "erase"


class Signals(Protocol):
    """Wakes loops and watchers of this process."""

    def wake(self, *topics: Topic) -> None:
        """Lets each `wait` on these topics return, or the next one return at once."""
        ...

    async def wait(self, topic: Topic, until: datetime | None) -> None:
        """Returns when the topic is woken, or at `until`. One waiter a topic."""
        ...

    def woken_at(self, topic: Topic) -> datetime | None:
        """The first wake that the topic's last `wait` returned for; None when it returned
        at its moment."""
        ...

    def publish(self, batch_ids: Collection[BatchId]) -> None:
        """Says that events of these batches were committed."""
        ...

    def follow_all(self, *, follows: bool) -> None:
        """Whether each `publish` wakes DELIVER, too."""
        ...

    def revision(self, batch_id: BatchId) -> int:
        """Grows with every `publish` of the batch while somebody follows it."""
        ...

    async def wait_changed(self, batch_id: BatchId, seen: int, until: datetime | None) -> int:
        """Returns the batch's revision once it is not `seen`, or at `until`."""
        ...

    async def pause(self, until: datetime) -> None:
        """Returns at `until`, whatever is published."""
        ...
