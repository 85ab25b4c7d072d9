"""Wake-ups in a process that shares its database with others."""

import asyncio
from collections.abc import Collection
from typing import Final

from typing_extensions import override

from outdial_server.adapters.clock import Timers
from outdial_server.adapters.signals import IDLE_BATCHES_MAX, InProcessSignals
from outdial_server.domain.ids import BatchId
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import EVERYTHING, OF_ALL_SERVERS, Hint, Topic

_BATCHES_MOST: Final = 150
"""As many ids as fit into one notification. Nobody has to take hints away, so this bounds
the memory, too."""


class SharedSignals(InProcessSignals):
    """Signals that gather what other servers are to be told; a HintExchange."""

    def __init__(
        self, clock: Clock, timers: Timers | None = None, idle_batches_max: int = IDLE_BATCHES_MAX
    ) -> None:
        super().__init__(clock, timers, idle_batches_max)
        self._topics: set[Topic] = set()
        self._batch_ids: set[BatchId] = set()
        self._has_gathered = asyncio.Event()

    @override
    def wake(self, *topics: Topic) -> None:
        super().wake(*topics)
        self._gather(OF_ALL_SERVERS.intersection(topics), ())

    @override
    def publish(self, batch_ids: Collection[BatchId]) -> None:
        super().publish(batch_ids)
        self._gather((), batch_ids)

    async def next_hint(self) -> Hint:
        await self._has_gathered.wait()
        self._has_gathered.clear()
        is_everything = len(self._batch_ids) > _BATCHES_MOST
        hint = Hint(frozenset(self._topics), frozenset(self._batch_ids))
        self._topics.clear()
        self._batch_ids.clear()
        return EVERYTHING if is_everything else hint

    def take_in(self, hint: Hint) -> None:
        super().wake(*hint.topics)
        batch_ids = self._followed() if hint.is_everything else hint.batch_ids
        if batch_ids:
            super().publish(batch_ids)

    def _gather(self, topics: Collection[Topic], batch_ids: Collection[BatchId]) -> None:
        if not topics and not batch_ids:
            return
        self._topics.update(topics)
        if len(self._batch_ids) <= _BATCHES_MOST:
            self._batch_ids.update(batch_ids)
        self._has_gathered.set()
