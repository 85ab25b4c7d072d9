"""What gathers between the loops, until the writer is free. Bounded by the slots: a call
is in one of them at most, with a handful of reports."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from typing_extensions import override

from outdial_server.domain.report import CallReport
from outdial_server.ports.carrier import Carrier, RawCallback
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.ports.signals import Signals, Topic

T = TypeVar("T")


class Gathering(Generic[T]):
    """A queue that wakes its loop."""

    def __init__(self, signals: Signals, topic: Topic) -> None:
        self._items: deque[T] = deque()
        self._signals = signals
        self._topic = topic

    def __len__(self) -> int:
        return len(self._items)

    def put_all(self, items: Iterable[T]) -> None:
        self._items.extend(items)
        if self._items:
            self._signals.wake(self._topic)

    def take(self, most: int) -> Sequence[T]:
        taken = list(islice(self._items, most))
        for _ in taken:
            self._items.popleft()
        return taken

    def put_back(self, items: Sequence[T]) -> None:
        """What was taken and could not be dealt with, in front again."""
        self._items.extendleft(reversed(items))


CLAIMED_MOST: Final = 500
"""Their leases run: more are not claimed while so many wait to be sent."""


class ClaimedCalls(Gathering[ClaimedCall]):
    """Calls between claim and SENDING."""

    def __init__(self, signals: Signals) -> None:
        super().__init__(signals, Topic.SEND)
        # So many in front were put there by `dial_next`.
        self._ahead = 0

    def dial_next(self, call: ClaimedCall) -> None:
        """Behind those that came like this, and ahead of all others."""
        self._items.insert(self._ahead, call)
        self._ahead += 1
        self._signals.wake(Topic.SEND)

    @property
    def is_full(self) -> bool:
        return len(self) >= CLAIMED_MOST

    @override
    def take(self, most: int) -> Sequence[ClaimedCall]:
        was_full = self.is_full
        taken = super().take(most)
        self._ahead = max(0, self._ahead - len(taken))
        if was_full and taken:
            self._signals.wake(Topic.CLAIM)
        return taken


class GatheredReports(Gathering[CallReport]):
    """Reports between their source and the store; a ReportSink."""

    def __init__(self, signals: Signals) -> None:
        super().__init__(signals, Topic.REPORT)

    def put(self, report: CallReport) -> None:
        self.put_all((report,))


@dataclass(frozen=True, slots=True, eq=False)
class ArrivedCallback:
    """Its sender waits until it is stored, and keeps it until then."""

    callback: RawCallback
    carrier: Carrier
    stored: asyncio.Future[None]

    def settle(self) -> None:
        # The sender may have gone meanwhile.
        if not self.stored.done():
            self.stored.set_result(None)

    def refuse(self, error: BaseException) -> None:
        if not self.stored.done():
            self.stored.set_exception(error)
