"""Messages as JSON, in protobuf's own form of it, compiled once for each kind of message.

The library's own way looks each field up anew and takes several times as long. A test holds
both against each other.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from math import isfinite
from typing import Any, Final

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Encode = Callable[[Any], Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_AS_TEXT: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
"""Other languages' numbers do not hold them."""


def to_json(message: Message) -> bytes:
    return orjson.dumps(to_object(message))


def to_object(message: Message) -> Any:
    """What its JSON is: a dict, but for such as Timestamp."""
    return _encoder(message.DESCRIPTOR)(message)


@cache
def _encoder(kind: Descriptor) -> Encode:
    known = _WELL_KNOWN.get(kind.full_name)
    if known is not None:
        return known
    if kind.full_name.startswith("google.protobuf."):
        return json_format.MessageToDict
    # Filled at first use: a message may hold its own kind.
    fields: dict[FieldDescriptor, tuple[str, Encode | None]] = {}

    def encode(message: Message) -> dict[str, Any]:
        if not fields:
            fields.update((f, (f.json_name, _of_field(f))) for f in kind.fields)
        told = {}
        for field, value in message.ListFields():
            name, convert = fields[field]
            told[name] = value if convert is None else convert(value)
        return told

    return encode


def _of_field(field: FieldDescriptor) -> Encode | None:
    """None for values that are JSON as they are."""
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return _of_map(kind)
    one = _of_value(field)
    if not field.is_repeated:
        return one
    return list if one is None else lambda values: [one(value) for value in values]


def _of_map(entry: Descriptor) -> Encode:
    one = _of_value(entry.fields_by_name["value"])

    def encode(values: Mapping[Any, Any]) -> dict[str, Any]:
        return {_key(key): value if one is None else one(value) for key, value in values.items()}

    return encode


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _of_value(field: FieldDescriptor) -> Encode | None:
    if field.message_type is not None:
        return _encoder(field.message_type)
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64
    if field.cpp_type in _AS_TEXT:
        return str
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _double
    return None


def _enum(kind: EnumDescriptor) -> Encode:
    return _Names(
        {number: value.name for number, value in kind.values_by_number.items()}
    ).__getitem__


class _Names(dict[int, str | int]):
    """By number. A number of a later version has no name, and stands for itself. A dict, so that
    those that are known cost no call of ours."""

    def __missing__(self, number: int) -> int:
        return number


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _double(value: float) -> float | int | str:
    if isfinite(value):
        return int(value) if value.is_integer() and abs(value) < _EXACT_BELOW else value
    return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")


_EXACT_BELOW: Final = 2**53


def _timestamp(message: Any) -> str:
    second, nanos = _second(message.seconds), message.nanos
    return f"{second}{_fraction(nanos)}Z" if nanos else f"{second}Z"


@lru_cache(maxsize=4096)
def _second(number: int) -> str:
    """Rows of one page were mostly made, or are due, in the same few."""
    return (_EPOCH + timedelta(seconds=number)).isoformat().removesuffix("+00:00")


def _duration(message: Any) -> str:
    seconds, nanos = message.seconds, message.nanos
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    """Of a second, in as many threes of digits as it needs."""
    if nanos == 0:
        return ""
    if nanos % 1000:
        return f".{nanos:09}"
    return f".{nanos // 1000:06}" if nanos % 1_000_000 else f".{nanos // 1_000_000:03}"


def _struct(message: Any) -> dict[str, Any]:
    fields = message.fields
    # Not by `items`, which goes through the slow ways of the library.
    return {name: _value(fields[name]) for name in fields}


def _value(message: Any) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "number_value":
        return _double(message.number_value)
    if kind == "bool_value":
        return message.bool_value
    if kind == "struct_value":
        return _struct(message.struct_value)
    return [_value(value) for value in message.list_value.values] if kind == "list_value" else None


_WELL_KNOWN: Final[Mapping[str, Encode]] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Value": _value,
}
