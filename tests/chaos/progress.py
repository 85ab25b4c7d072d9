"""How far the calls have come, by what watchers were told."""

import asyncio
from collections import defaultdict

from outdial.v1.event_pb2 import EVENT_TYPE_CALL_SENDING, Event


class Progress:
    def __init__(self) -> None:
        self._sent = 0
        self._told: defaultdict[str, int] = defaultdict(int)
        self._moved = asyncio.Event()

    def told(self, batch_id: str, event: Event) -> None:
        """Each event counts the first time that anybody is told of it."""
        if event.sequence <= self._told[batch_id]:
            return
        self._told[batch_id] = event.sequence
        if event.type == EVENT_TYPE_CALL_SENDING:
            self._sent += 1
            self._moved.set()

    async def reached(self, sent: int) -> None:
        while self._sent < sent:
            self._moved.clear()
            await self._moved.wait()
