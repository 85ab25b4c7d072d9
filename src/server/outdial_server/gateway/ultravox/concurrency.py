"""How many calls went on at once, over time: of calls that began and ended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

BUCKETS: Final[Mapping[str, timedelta]] = {
    "minute": timedelta(minutes=1),
    "5min": timedelta(minutes=5),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to before the other; without an end it goes on."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Level:
    """How many there were at once in a bucket, at most and on average."""

    most: int
    average: float


def levels(
    spans: Iterable[Span], start: datetime, end: datetime, bucket: timedelta
) -> Iterator[tuple[datetime, Level]]:
    """One for each bucket from `start` on that begins before `end`."""
    moves = sorted(_moves(spans, start, end))
    at, standing, index = start, 0, 0
    while at < end:
        close, most, area = min(at + bucket, end), standing, timedelta()
        since = at
        # Who ends with this bucket is not in the next one.
        while index < len(moves) and moves[index] < (close, 0):
            moment, step = moves[index]
            area += (moment - since) * standing
            since, standing, index = moment, standing + step, index + 1
            most = max(most, standing)
        area += (close - since) * standing
        yield at, Level(most, area / (close - at))
        at = close


def _moves(spans: Iterable[Span], start: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """Ends sort before the beginnings of the same moment."""
    for span in spans:
        over = end if span.end is None else span.end
        if span.start < end and over > start and over > span.start:
            yield max(span.start, start), 1
            yield over, -1
