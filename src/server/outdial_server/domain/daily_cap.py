"""How many calls are let go on one date of a batch's zone, retries included."""

from datetime import datetime, timedelta

from outdial_server.domain.calling_hours import CallingHours, next_opening
from outdial_server.domain.time_zones import local_day, moment_of


def dialled_on(day: int, counted_day: int | None, dials: int) -> int:
    """Days are ordinals. A count of another day says nothing of this one."""
    return dials if counted_day == day else 0


def next_day(zone: str, now: datetime, hours: CallingHours | None) -> datetime:
    """When the next date begins, or the hours open first on it or behind it."""
    midnight = moment_of(zone, local_day(zone, now) + timedelta(days=1), 0)
    if hours is None:
        return midnight
    return max(midnight, next_opening(hours, zone, midnight).opens_at)
