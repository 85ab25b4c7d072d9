"""How fast something goes, and when it may be done."""

from collections import deque
from datetime import timedelta

# Long enough to smooth the ends of calls that were started together, short enough
# to show a pause.
_WINDOW_SECONDS = 20.0
# What begins is slow: no rate is better than that of the first moments.
_SHORTEST_LOOK_SECONDS = 2.0


class Pace:
    """A count that grows; `now_seconds` is any clock that never goes back."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def observe(self, done: int, now_seconds: float) -> None:
        """Takes in how many are done by now."""
        self._seen.append((now_seconds, done))
        while len(self._seen) > 2 and self._seen[1][0] < now_seconds - _WINDOW_SECONDS:
            self._seen.popleft()

    def rate(self, now_seconds: float) -> float:
        """Done per second, lately."""
        if not self._seen:
            return 0.0
        begin, done_then = self._seen[0]
        elapsed = now_seconds - begin
        if elapsed < _SHORTEST_LOOK_SECONDS:
            return 0.0
        return (self._seen[-1][1] - done_then) / elapsed

    def remaining(self, left: int, now_seconds: float) -> timedelta | None:
        """Time until `left` more are done; None while there is no telling."""
        rate = self.rate(now_seconds)
        return timedelta(seconds=left / rate) if left and rate > 0 else None
