"""Calling hours."""

from collections.abc import Iterable
from typing import Final

from outdial.v1 import calling_hours_pb2 as pb

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours, minute_of, text_of
from outdial_server.domain.errors import invalid_field

_WEEKDAYS: Final = {int(day): day for day in pb.Weekday.values() if day}
"""By the numbers of ISO 8601."""


def hours_to_message(hours: CallingHours | None) -> pb.CallingHours | None:
    """Every day is said as no day, as it is mostly asked for."""
    if hours is None:
        return None
    days = () if hours.days == EVERY_DAY else sorted(hours.days)
    return pb.CallingHours(
        days=[_WEEKDAYS[day] for day in days],
        start=text_of(hours.start_minute),
        end=text_of(hours.end_minute),
    )


def calling_hours(message: pb.CallingHours, path: str) -> CallingHours:
    start, end = minute_of(message.start), minute_of(message.end, is_end=True)
    if start is None:
        raise invalid_field(f"{path}.start", "must be HH:MM, from 00:00 to 23:59")
    if end is None:
        raise invalid_field(f"{path}.end", "must be HH:MM, from 00:00 to 24:00")
    if start == end:
        raise invalid_field(f"{path}.end", "must not be the start; all day is 00:00 to 24:00")
    return CallingHours(_days(message.days, path) or EVERY_DAY, start, end)


def _days(numbers: Iterable[int], path: str) -> frozenset[int]:
    days: set[int] = set()
    for place, number in enumerate(numbers):
        if number not in EVERY_DAY:
            raise invalid_field(f"{path}.days[{place}]", "must be a day of the week")
        if number in days:
            raise invalid_field(f"{path}.days[{place}]", "is named twice")
        days.add(number)
    return frozenset(days)
