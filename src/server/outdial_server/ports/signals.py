"""Wake-ups. A signal says that something may have changed, never what: whoever is woken
looks at the store. Signals may be lost or doubled; slow sweeps stand behind them."""

from collections.abc import Collection
from dataclasses import dataclass
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
    CLOCK = "clock"
    QUARANTINE = "quarantine"
    # A transaction failed at the database itself.
    DATABASE = "database"

    # By identity, which each member has for itself: every report wakes a topic, and the
    # enum's own hash is Python code.
    __hash__ = object.__hash__
    ERASE = "erase"


OF_ALL_SERVERS: Final = frozenset({Topic.CLAIM, Topic.DELIVER})
"""Topics that are of use to other servers on the same database, too. What wakes the others is
done by the server that it happened on."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What happened on one server, for the loops and followers of another."""

    topics: frozenset[Topic] = frozenset()
    batch_ids: frozenset[BatchId] = frozenset()
    # More than can be told one by one: whoever follows any batch is to look.
    is_everything: bool = False


EVERYTHING: Final = Hint(OF_ALL_SERVERS, is_everything=True)


class HintExchange(Protocol):
    """The signals of a server among several, towards whatever carries hints between them.
    Hints may be lost, as signals may."""

    async def next_hint(self) -> Hint:
        """Waits until there is something to tell, and takes all of it. For one who asks;
        left early, nothing is taken."""
        ...

    def take_in(self, hint: Hint) -> None:
        """Wakes what another server's hint names, and tells nobody else."""
        ...


class Signals(Protocol):
    """Wakes loops and watchers: of this process, and on a database that several servers
    share those of the others a moment later."""

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

    def rouse(self, batch_id: BatchId) -> None:
        """Lets those in this process who follow the batch look up, though nothing happened."""
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
