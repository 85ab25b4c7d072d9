"""Claims calls and hands them to the dialler."""

from datetime import datetime
from typing import Final

from outdial_server.engine.queues import ClaimedCalls
from outdial_server.ports.dispatch import DispatchStore
from outdial_server.ports.signals import Signals, Topic

GROUP_MOST: Final = 500
"""A claim of so many takes some 20 ms of the writer: others have their turn in between."""


class Claimer:
    def __init__(self, dispatch: DispatchStore, claimed: ClaimedCalls, signals: Signals) -> None:
        self._dispatch = dispatch
        self._claimed = claimed
        self._signals = signals

    async def tick(self, now: datetime) -> datetime | None:
        if len(self._claimed) >= GROUP_MOST:
            # The dialler is behind, and leases run: it wakes us when it has caught up.
            return None
        claims = await self._dispatch.claim(GROUP_MOST)
        self._claimed.put_all(claims.calls)
        if claims.more:
            self._signals.wake(Topic.CLAIM)
        return claims.next_due_at
