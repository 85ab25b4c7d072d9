"""When a batch call may be dialled: moments, times of day and days of the week."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1 import calling_hours_pb2

from outdial_server.domain.checks import NO_ZONE
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.time_zones import known_zones

MIDNIGHT: Final = "00:00"
END_OF_DAY: Final = "24:00"
EVERY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)


def moment(text: str, zone: str, field: str = "scheduled_at") -> Timestamp:
    """Of what has no offset it is the local time of `zone`: one that a clock change skips moves
    forward by the gap, of one that comes twice it is the first. Raises InvalidFieldsError."""
    if zone not in known_zones():
        raise invalid_field("timezone", NO_ZONE)
    try:
        told = datetime.fromisoformat(text)
        local = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))
        found = Timestamp()
        found.FromDatetime(local.astimezone(UTC))
    except (ValueError, OverflowError):
        raise invalid_field(field, "is no moment of the calendar") from None
    return found


def hours(
    start: str | None, end: str | None, days: Sequence[int]
) -> calling_hours_pb2.CallingHours:
    """Without times a day is whole. Raises InvalidFieldsError."""
    begins, ends = start or MIDNIGHT, end or END_OF_DAY
    if ends <= begins:
        raise invalid_field("end_time", "must be after start_time")
    if len(set(days)) != len(days):
        raise invalid_field("working_days", "must name each day at most once")
    named = [calling_hours_pb2.Weekday.ValueType(day) for day in days]
    return calling_hours_pb2.CallingHours(days=named, start=begins, end=ends)


def start_time(told: calling_hours_pb2.CallingHours) -> str | None:
    return told.start if told.start not in {"", MIDNIGHT} else None


def end_time(told: calling_hours_pb2.CallingHours) -> str | None:
    return told.end if told.end not in {"", END_OF_DAY} else None


def working_days(told: calling_hours_pb2.CallingHours) -> list[int]:
    return list(told.days) or list(EVERY_DAY)
