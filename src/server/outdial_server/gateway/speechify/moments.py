"""Moments and lengths of time, as they write them and as they are given."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def moment(message: Message, field: str) -> str | None:
    """None where it is unset."""
    if not message.HasField(field):
        return None
    at: Timestamp = getattr(message, field)
    return shown_moment(at.ToDatetime(UTC))


def shown_moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def ring_timeout(milliseconds: int) -> Duration:
    """Up to a whole second: nobody rings for less than was asked for."""
    return Duration(seconds=-(-milliseconds // 1000))


def _read(value: Any) -> datetime:
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        day, time, fraction, zone = found.groups(default="")
        try:
            return datetime.fromisoformat(f"{day}T{time}{fraction}{zone.upper()}").astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("moment", "must be a moment like 2026-03-02T09:00:00Z")


Moment = Annotated[
    datetime,
    BeforeValidator(_read),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-02T09:00:00Z"]}),
]
