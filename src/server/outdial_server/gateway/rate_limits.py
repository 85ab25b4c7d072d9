"""Rates of requests, as the documented systems bound them. They are kept in the memory of one
server: what protects calls are the core's own limits, not these."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

_KEYS_MOST: Final = 10_000
"""So many callers are remembered, those of last; each takes some 200 bytes."""


@dataclass(frozen=True, slots=True)
class Excess:
    """One request more than allowed; there is room again at `room_at`."""

    limit: int
    room_at: datetime


class Meter(Protocol):
    """How much one caller has asked."""

    def count(self, now: datetime) -> Excess | None:
        """Counts one request, or says that there is no room for it."""
        ...


class TokenBucket:
    """`rate` requests a second, and `burst` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._seen_at: datetime | None = None

    def count(self, now: datetime) -> Excess | None:
        if self._seen_at is not None:
            passed_seconds = max(0.0, (now - self._seen_at).total_seconds())
            self._tokens = min(self._burst, self._tokens + passed_seconds * self._rate)
        self._seen_at = now
        if self._tokens < 1:
            wait = timedelta(seconds=(1 - self._tokens) / self._rate)
            return Excess(self._burst, now + wait)
        self._tokens -= 1
        return None


class ClockMinute:
    """`limit` requests in each minute of the clock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute: datetime | None = None
        self._used = 0

    def count(self, now: datetime) -> Excess | None:
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        if self._used == self._limit:
            return Excess(self._limit, minute + timedelta(minutes=1))
        self._used += 1
        return None


class RateLimit:
    """The same bound for each of many callers."""

    def __init__(self, new_meter: Callable[[], Meter]) -> None:
        self._new_meter = new_meter
        self._meters: OrderedDict[str, Meter] = OrderedDict()

    def count(self, key: str, now: datetime) -> Excess | None:
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = self._new_meter()
            if len(self._meters) > _KEYS_MOST:
                self._meters.popitem(last=False)
        self._meters.move_to_end(key)
        return meter.count(now)
