"""How values of the domain are written in columns."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Final, TypeVar

import orjson

from outdial_server.domain.errors import NotFoundError, Reason

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

E = TypeVar("E", bound=IntEnum)


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def micros_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def moment_or_none(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def by_number(enum: type[E]) -> Mapping[int, E]:
    """The members, where many rows are read: `enum(number)` takes twenty times as long."""
    return {int(member): member for member in enum}


def seconds_or_none(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def length_or_none(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def pack_id(text: str) -> bytes:
    """The 16 bytes of a UUID. Raises ValueError for anything else."""
    packed = bytes.fromhex(text.replace("-", ""))
    if len(packed) != 16:
        raise ValueError("not a UUID")
    return packed


def unpack_id(packed: bytes) -> str:
    h = packed.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def id_text(packed: bytes | None) -> str:
    """Empty for none."""
    return "" if packed is None else unpack_id(packed)


def id_or_not_found(text: str, reason: Reason, noun: str) -> bytes:
    """What is no UUID at all is the id of nothing, and is not found like any other."""
    try:
        return pack_id(text)
    except ValueError:
        raise not_found(reason, noun, text) from None


def not_found(reason: Reason, noun: str, text: str) -> NotFoundError:
    return NotFoundError(reason, f"there is no {noun} {text!r}", {"id": text})


def created_at(packed: bytes) -> datetime:
    """When an id was made: UUIDs of version 7 start with it, in milliseconds."""
    return _EPOCH + timedelta(milliseconds=int.from_bytes(packed[:6], "big"))


LAST_ID: Final = b"\xff" * 16
"""No id sorts behind it."""


def first_id_at(moment: datetime) -> bytes:
    """Sorts before each id that was made at this moment or later."""
    return (micros(moment) // 1000).to_bytes(6, "big") + bytes(10)


def json_text(value: object) -> str:
    return orjson.dumps(value).decode()


def mapping_json(value: Mapping[str, object]) -> str:
    return json_text(dict(value)) if value else ""


def mapping_from(text: str | None) -> Mapping[str, Any]:
    loaded: dict[str, Any] = orjson.loads(text) if text else {}
    return loaded
