"""Claims calls and hands them to the dialler."""

from datetime import datetime

from outdial_server.domain.claims import GROUP_MOST
from outdial_server.engine.queues import ClaimedCalls
from outdial_server.ports.dispatch import DispatchStore
from outdial_server.ports.signals import Signals, Topic


class Claimer:
    def __init__(self, dispatch: DispatchStore, claimed: ClaimedCalls, signals: Signals) -> None:
        self._dispatch = dispatch
        self._claimed = claimed
        self._signals = signals
        # No call that waits could have been claimed before this; None when the last claim
        # left none.
        self._ready_since: datetime | None = None
        self._none_left_at: datetime | None = None
        # When a claim last came to its end, whether it found anybody or not.
        self.last_claim_at: datetime | None = None

    async def tick(self, now: datetime) -> datetime | None:
        ready_since = self._note_ready_since(now)
        if self._claimed.is_full:
            # The dialler is behind; it wakes us when it takes some.
            return None
        claims = await self._dispatch.claim(GROUP_MOST, ready_since)
        self.last_claim_at = now
        self._claimed.put_all(claims.calls)
        if claims.more:
            self._signals.wake(Topic.CLAIM)
        else:
            self._ready_since, self._none_left_at = None, now
        return claims.next_due_at

    def _note_ready_since(self, now: datetime) -> datetime:
        """From what woke us first until a claim leaves nothing behind. Where nothing woke
        us, from the last claim that did: a signal was lost, or a moment has come."""
        if self._ready_since is None:
            woken_at = self._signals.woken_at(Topic.CLAIM)
            self._ready_since = woken_at or self._none_left_at or now
        return self._ready_since
