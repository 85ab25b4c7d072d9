"""Whether this machine's clock is the store's, near enough."""

from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.clock_offset import OFFSET_MOST, least_offset
from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.obstacle import Obstacle
from outdial_server.engine.obstacles import Obstacles
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.store_clock import StoreClock
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

LOOK_EVERY: Final = timedelta(seconds=2)

CLOCK_OFF: Final = "CLOCK_OFF"


class ClockWatch:
    """Leases, windows and rates go by the store's clock, whatever this one says. But a machine
    that is wrong about the time by seconds is wrong in more than that, and its loops wake at
    the wrong moments: others are to dial. Smaller offsets are left alone: the sweeps look
    again before one matters."""

    def __init__(
        self,
        store_clock: StoreClock,
        clock: Clock,
        obstacles: Obstacles,
        signals: Signals,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._store_clock = store_clock
        self._clock = clock
        self._obstacles = obstacles
        self._signals = signals
        self._telemetry = telemetry

    async def tick(self, now: datetime) -> datetime | None:
        asked_at = self._clock.now()
        try:
            told = await self._store_clock.read()
        except UnavailableError:
            # The database's absence is told by its own watch, and says nothing of the clock.
            return self._clock.now() + LOOK_EVERY
        answered_at = self._clock.now()
        offset = least_offset(asked_at, told, answered_at)
        self._telemetry.clock_compared(offset)
        if abs(offset) > OFFSET_MOST:
            self._obstacles.meet(Obstacle.CLOCK, CLOCK_OFF)
        elif Obstacle.CLOCK in self._obstacles and abs(answered_at - asked_at) <= OFFSET_MOST:
            # An answer that took longer would hide the offset that was seen before.
            self._obstacles.clear(Obstacle.CLOCK)
            self._signals.wake(Topic.CLAIM, Topic.SEND)
        return answered_at + LOOK_EVERY
