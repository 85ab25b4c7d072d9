"""Whether the database can be written, and whether it is the one that it was: found out by
writing."""

from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.quarantine import FAILOVER
from outdial_server.engine.obstacles import Obstacles
from outdial_server.ports.quarantine import Pulse
from outdial_server.ports.signals import Signals, Topic

TRY_EVERY: Final = timedelta(seconds=1)

_ALL_OTHERS: Final = tuple(topic for topic in Topic if topic is not Topic.DATABASE)


class DatabaseWatch:
    """Woken by each transaction that failed at the database. One that failed by itself, after
    waiting for a lock for one, is no obstacle: the watch writes, too, before it believes that
    nobody can. Reads prove nothing of a full disk, nor do transactions that change nothing."""

    def __init__(
        self, pulse: Pulse, obstacles: Obstacles, signals: Signals, *, is_alone: bool
    ) -> None:
        """Unless it is alone, a server writes at every tick, so that the moment of a failover
        is known: a file has none, and its disk is left alone while nothing happens."""
        self._is_alone = is_alone
        self._pulse = pulse
        self._obstacles = obstacles
        self._signals = signals
        # Somebody has failed, and no write has succeeded since; nor has any at the start.
        self._is_doubted = True
        self._next_at: datetime | None = None

    async def tick(self, now: datetime) -> datetime | None:
        self._is_doubted |= self._signals.woken_at(Topic.DATABASE) is not None
        if self._is_alone and not (self._is_doubted or self._obstacles.met):
            return None
        # Requests of clients that fail wake it as well; however many do, it tries once a
        # second. A moment further off is from before a clock was set back.
        if self._next_at is not None and timedelta(0) < self._next_at - now <= TRY_EVERY:
            return self._next_at
        self._next_at = now + TRY_EVERY
        try:
            quarantine = await self._pulse.beat()
        except UnavailableError as error:
            self._obstacles.meet(Obstacle.DATABASE, error.reason.value)
            return self._next_at
        self._is_doubted = False
        before = set(self._obstacles.met)
        self._obstacles.clear(Obstacle.DATABASE)
        if quarantine is None:
            self._obstacles.clear(Obstacle.QUARANTINE)
        else:
            self._obstacles.meet(Obstacle.QUARANTINE, FAILOVER)
        if before != set(self._obstacles.met):
            self._signals.wake(*_ALL_OTHERS)
        return self._next_at if self._obstacles.met else None
