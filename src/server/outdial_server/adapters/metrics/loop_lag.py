"""How late the event loop is: all that waits in this process waits so long at least."""

import asyncio
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics.instruments import Spreads

INTERVAL_SECONDS: Final = 0.1
"""Short beside what hurts: a loop that is held for longer is always seen."""


class LoopLag:
    """Asks to be called at a moment, and notes how much later that was. On the running
    loop, until it is stopped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Spreads(
            registry,
            "outdial_event_loop_lag_seconds",
            "How much later than asked the event loop called back.",
        ).of()
        self._due_at = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due_at = perf_counter() + INTERVAL_SECONDS
        self._handle = asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._ring)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _ring(self) -> None:
        self._lag.observe(perf_counter() - self._due_at)
        self.start()
