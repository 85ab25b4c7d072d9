"""How far a batch is, how fast it goes and when it may end."""

from collections import deque
from datetime import timedelta

from outdial.v1.batch_pb2 import BatchCounts

from outdial_client.cli._words import ended_calls

# Long enough to smooth the ends of calls that were started together, short enough
# to show a pause.
_RATE_WINDOW_SECONDS = 20.0
# The first calls of a batch end before it has got going: no rate is better than theirs.
_SHORTEST_LOOK_SECONDS = 2.0


class Progress:
    """Counts of a batch over time; `now_seconds` is any clock that never goes back."""

    def __init__(self) -> None:
        self.counts = BatchCounts()
        self._seen: deque[tuple[float, int]] = deque()

    @property
    def ended(self) -> int:
        """Scheduled calls that have their end."""
        return ended_calls(self.counts)

    @property
    def fraction(self) -> float:
        """From 0 to 1; an empty batch is done."""
        return self.ended / self.counts.total if self.counts.total else 1.0

    def observe(self, counts: BatchCounts, now_seconds: float) -> None:
        """Takes in the counts of a message."""
        self.counts = counts
        self._seen.append((now_seconds, self.ended))
        while len(self._seen) > 2 and self._seen[1][0] < now_seconds - _RATE_WINDOW_SECONDS:
            self._seen.popleft()

    def rate(self, now_seconds: float) -> float:
        """Scheduled calls that ended per second, lately."""
        if not self._seen:
            return 0.0
        begin, ended_then = self._seen[0]
        elapsed = now_seconds - begin
        if elapsed < _SHORTEST_LOOK_SECONDS:
            return 0.0
        return (self.ended - ended_then) / elapsed

    def remaining(self, now_seconds: float) -> timedelta | None:
        """Time to the end at this rate; None while there is no telling."""
        left = self.counts.total - self.ended
        rate = self.rate(now_seconds)
        return timedelta(seconds=left / rate) if left and rate > 0 else None
