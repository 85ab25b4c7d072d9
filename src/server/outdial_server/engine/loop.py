"""A loop around a tick: woken by its topic or by the moment that the tick named."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.domain.errors import OutdialError
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()

Tick = Callable[[datetime], Awaitable[datetime | None]]
"""Does what is to be done now, and names the next moment at which there may be more."""

SWEEP_EVERY: Final = timedelta(seconds=5)
"""Signals may be lost; nothing waits longer than this for one."""

_RETRY_AFTER: Final = timedelta(seconds=1)
_BREATH: Final = timedelta(milliseconds=20)


class Loop:
    """Ends after the tick in which it is stopped, never in the middle of one."""

    def __init__(
        self,
        name: str,
        topic: Topic,
        tick: Tick,
        clock: Clock,
        signals: Signals,
        sweep_every: timedelta | None = None,
        telemetry: Telemetry = NO_TELEMETRY,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """Ticks only while `is_held` says no; whoever ends that wakes the topic."""
        self._name = name
        self._topic = topic
        self._tick = tick
        self._clock = clock
        self._signals = signals
        self._sweep_every = sweep_every or SWEEP_EVERY
        self._telemetry = telemetry
        self._is_held = is_held
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"outdial-{self._name}")

    async def stop(self) -> None:
        self._stopping = True
        self._signals.wake(self._topic)
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping:
            until = await self._tick_safely()
            if not self._stopping:
                # By the clock as it is now: it may have been set back during the tick.
                latest = self._clock.now() + self._sweep_every
                await self._signals.wait(self._topic, min(until, latest))

    async def _tick_safely(self) -> datetime:
        """A tick that fails is tried again: its group was put back or its leases run out."""
        now = self._clock.now()
        if self._is_held():
            return now + self._sweep_every
        try:
            next_at = await self._tick(now)
        except OutdialError as error:
            log.warning("engine.tick_failed", loop=self._name, reason=error.reason.value)
            self._telemetry.tick_failed(self._name)
            return now + _RETRY_AFTER
        except Exception:
            log.exception("engine.tick_broken", loop=self._name)
            self._telemetry.tick_failed(self._name)
            return now + _RETRY_AFTER
        sweep_at = now + self._sweep_every
        if next_at is None:
            return sweep_at
        # A moment that has passed here may be ahead by the database's clock: no spinning.
        return min(max(next_at, now + _BREATH), sweep_at)
