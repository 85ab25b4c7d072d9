"""Erases what has been kept for long enough, without being in anybody's way."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.domain.retention import Retention
from outdial_server.ports.clock import Clock
from outdial_server.ports.retention import Erased, RetentionStore
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()

ERASE_MOST: Final = 250
"""1 to 2 ms of the writer, and a commit."""
SWEEP_EVERY: Final = timedelta(minutes=1)

_REST: Final = 19
"""Times as long as a group took, its wait for the writer included: at most a twentieth of
the writer goes into erasing, and the busier the writer is, the less."""
_REST_LEAST: Final = timedelta(milliseconds=20)


class Sweeper:
    """A group a tick, then a rest: a backlog of any size is worked off in the background."""

    def __init__(
        self,
        store: RetentionStore,
        keep: Retention,
        clock: Clock,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._store = store
        self._keep = keep
        self._clock = clock
        self._telemetry = telemetry
        self._begun_at: datetime | None = None
        self._erased = Erased()

    async def tick(self, now: datetime) -> datetime | None:
        begun_at = self._clock.now()
        swept = await self._store.erase(self._keep, ERASE_MOST)
        ended_at = self._clock.now()
        self._begun_at = self._begun_at or begun_at
        self._erased += swept.erased
        self._telemetry.erased(swept.erased)
        if swept.more:
            return ended_at + max(_REST * (ended_at - begun_at), _REST_LEAST)
        self._tell(ended_at - self._begun_at)
        return ended_at + SWEEP_EVERY

    def _tell(self, took: timedelta) -> None:
        """One line for a sweep, however many groups it took, when it erased anything."""
        erased, self._erased, self._begun_at = self._erased, Erased(), None
        if erased.total:
            log.info(
                "retention.swept",
                duration_ms=round(took.total_seconds() * 1000, 3),
                **erased.counts(),
            )
