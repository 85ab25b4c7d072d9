"""A machine's clock beside the store's: a server that can tell that its own is off by more than
five seconds dials nobody, and says why."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from outdial_server.ports.dispatch import ClaimedCall, Claims, Sent
from outdial_server.ports.store_clock import StoreClock
from outdial_server.storage.database import Database
from outdial_server.storage.stores.dispatch import SqlDispatch
from support.virtual_time import HostClock

OFF_MOST: Final = timedelta(seconds=5)


class ClockJudge:
    """The store's clock, as one server reads it, and what it can know by that."""

    def __init__(
        self, store_clock: StoreClock, host: HostClock, says_so: Callable[[], bool]
    ) -> None:
        self._store_clock = store_clock
        self._host = host
        self._says_so = says_so
        self._is_seen_off = False

    async def read(self) -> datetime:
        """A StoreClock. One that cannot be read, or that broke, says nothing new."""
        self.check_said()
        offset, asked_at = self._host.offset, self._host.now()
        told = await self._store_clock.read()
        took = abs(self._host.now() - asked_at)
        if offset == self._host.offset and abs(offset) - took > OFF_MOST:
            self._is_seen_off = True
        elif took <= OFF_MOST:
            # One that takes longer, as where the clock is set meanwhile, shows nothing.
            self._is_seen_off = False
        return told

    def check_said(self) -> None:
        assert self._says_so() or not self._is_seen_off, "nobody is told that the clock is off"

    def check_dials(self) -> None:
        assert not self._is_seen_off, f"dials with its clock off by {self._host.offset}"


class JudgedDispatch(SqlDispatch):
    """Looks right when the engine asks, between no two moments: what was asked for before a
    clock was seen to be off may still come to its end."""

    def __init__(self, database: Database, may_dial: Callable[[], None]) -> None:
        super().__init__(database)
        self._may_dial = may_dial

    async def claim(self, limit: int, ready_since: datetime | None = None) -> Claims:
        self._may_dial()
        return await super().claim(limit, ready_since)

    async def mark_sending(self, take: Callable[[], Sequence[ClaimedCall]]) -> Sent:
        self._may_dial()
        return await super().mark_sending(take)
