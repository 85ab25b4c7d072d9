"""How far a batch is, how fast it goes and when it may end."""

from datetime import timedelta

from outdial.v1.batch_pb2 import BatchCounts

from outdial_client.cli._pace import Pace
from outdial_client.cli._words import ended_calls


class Progress:
    """Counts of a batch over time; `now_seconds` is any clock that never goes back."""

    def __init__(self) -> None:
        self.counts = BatchCounts()
        self._pace = Pace()

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
        self._pace.observe(self.ended, now_seconds)

    def rate(self, now_seconds: float) -> float:
        """Scheduled calls that ended per second, lately."""
        return self._pace.rate(now_seconds)

    def remaining(self, now_seconds: float) -> timedelta | None:
        """Time to the end at this rate; None while there is no telling."""
        return self._pace.remaining(self.counts.total - self.ended, now_seconds)
