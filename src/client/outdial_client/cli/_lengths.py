"""Lengths of time as they are typed: `90s`, `15m`, `1h`, `2d`."""

import re
from datetime import timedelta
from typing import Final

import typer
from google.protobuf.duration_pb2 import Duration

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LENGTH: Final = re.compile(r"(\d+)([smhd])")


def parse_length(text: str) -> timedelta:
    """A number with its unit."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no length of time such as 90s, 15m, 1h or 2d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def seconds_or_none(number: int | None) -> timedelta | None:
    """As an option that need not be given says it."""
    return None if number is None else timedelta(seconds=number)


def length(duration: Duration) -> str:
    """In the largest unit that goes into it."""
    seconds = duration.seconds
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
