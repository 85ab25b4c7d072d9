"""What happened when, in a bounded number of buckets: where time goes on they grow wider."""

from dataclasses import dataclass, field
from typing import Final

BUCKETS_MOST: Final = 200
_FIRST_WIDTH_US: Final = 250_000


@dataclass(slots=True)
class Use:
    """Of one limit, times microseconds: divided by `seen_us` they are means."""

    used_us: int = 0
    cap_us: int = 0
    seen_us: int = 0

    def take_in(self, other: "Use") -> None:
        self.used_us += other.used_us
        self.cap_us += other.cap_us
        self.seen_us += other.seen_us


@dataclass(slots=True)
class Bucket:
    calls: int = 0
    # Slots, times microseconds.
    live_us: int = 0
    limits: dict[str, Use] = field(default_factory=dict)

    def take_in(self, other: "Bucket") -> None:
        self.calls += other.calls
        self.live_us += other.live_us
        for name, use in other.limits.items():
            self.limits.setdefault(name, Use()).take_in(use)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is so for a while: calls alive, and by limit what is used and its cap."""

    live: int = 0
    limits: tuple[tuple[str, int, int], ...] = ()


class Series:
    def __init__(self) -> None:
        self.width_us = _FIRST_WIDTH_US
        self.buckets: list[Bucket] = []

    def count(self, at_us: int, calls: int) -> None:
        self._bucket(at_us).calls += calls

    def stand(self, from_us: int, to_us: int, standing: Standing) -> None:
        """Adds a stretch of time in which nothing of this changed."""
        if to_us <= from_us:
            return
        # First, so that the widths stay as they are while the stretch is laid out.
        self._bucket(to_us - 1)
        while from_us < to_us:
            place = from_us // self.width_us
            upto = min(to_us, (place + 1) * self.width_us)
            _add(self.buckets[place], upto - from_us, standing)
            from_us = upto

    def take_in(self, other: "Series") -> None:
        """Adds another one up with this one; both grow as wide as the wider."""
        width_us = max(self.width_us, other.width_us)
        self.widen(width_us)
        other.widen(width_us)
        while len(self.buckets) < len(other.buckets):
            self.buckets.append(Bucket())
        for own, its in zip(self.buckets, other.buckets, strict=False):
            own.take_in(its)

    def widen(self, width_us: int) -> None:
        while self.width_us < width_us:
            wide = self.buckets[::2]
            for own, its in zip(wide, self.buckets[1::2], strict=False):
                own.take_in(its)
            self.buckets, self.width_us = wide, self.width_us * 2

    def _bucket(self, at_us: int) -> Bucket:
        while at_us >= self.width_us * BUCKETS_MOST:
            self.widen(self.width_us * 2)
        place = at_us // self.width_us
        while len(self.buckets) <= place:
            self.buckets.append(Bucket())
        return self.buckets[place]


def _add(bucket: Bucket, lasts_us: int, standing: Standing) -> None:
    bucket.live_us += standing.live * lasts_us
    limits = bucket.limits
    for name, used, cap in standing.limits:
        use = limits.get(name)
        if use is None:
            use = limits[name] = Use()
        use.used_us += used * lasts_us
        use.cap_us += cap * lasts_us
        use.seen_us += lasts_us
