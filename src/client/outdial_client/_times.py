"""Moments and lengths of time, as they are sent."""

from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(moment: datetime | None) -> Timestamp | None:
    """The moment; ValueError when it has no time zone, for it could mean any."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def to_duration(length: timedelta | None) -> Duration | None:
    """The length of time."""
    if length is None:
        return None
    duration = Duration()
    duration.FromTimedelta(length)
    return duration
