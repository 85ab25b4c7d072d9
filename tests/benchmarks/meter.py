"""A stretch of work, from the end of the warm-up on."""

import asyncio
import time
from dataclasses import dataclass

from benchmarks.machine import CpuSeconds, cpu_seconds


@dataclass(frozen=True, slots=True)
class Drive:
    """What a driver did with a list."""

    calls: int
    seconds: float
    cpu: CpuSeconds
    profile: str = ""

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    def cpu_us(self, part: str) -> float:
        """CPU of a call: of the process, the loop or the writer."""
        used: float = getattr(self.cpu, part)
        return used / self.calls * 1e6


class Meter:
    """Counts calls as their requests go. In a full house each one that goes stands for one
    that has ended before it, with all its commits: so the rate of these is the rate of whole
    lives."""

    def __init__(self, calls: int, warm_up: int) -> None:
        self._calls = calls
        self._warm_up = warm_up
        self._began = self._ended = (0.0, CpuSeconds(0, 0, 0))
        self._started = 0
        self.done = asyncio.Event()

    def count(self) -> None:
        self._started += 1
        if self._started == self._warm_up:
            self._began = (time.perf_counter(), cpu_seconds())
        elif self._started == self._warm_up + self._calls:
            self._ended = (time.perf_counter(), cpu_seconds())
            self.done.set()

    @property
    def drive(self) -> Drive:
        assert self.done.is_set(), "the list came to its end before the measurement did"
        seconds, cpu = self._ended[0] - self._began[0], self._ended[1] - self._began[1]
        return Drive(self._calls, seconds, cpu)
