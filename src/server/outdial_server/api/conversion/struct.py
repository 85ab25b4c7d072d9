"""`google.protobuf.Struct` and JSON text. Written out by hand: json_format takes ten times
as long, and a batch brings 100,000 of them."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import orjson
from google.protobuf.struct_pb2 import Struct, Value

from outdial_server.domain.errors import invalid_field

_EXACT_INTEGERS: Final = 2.0**53
"""Up to here each double that looks like an integer is one."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def json_text(struct: Struct, path: str) -> str:
    """Compact JSON with sorted keys, so that equal Structs give equal text; empty for an
    empty Struct."""
    plain = plain_struct(struct, path)
    if not plain:
        return ""
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()


def value_json(value: Value, path: str) -> str:
    """As `json_text`, of any value."""
    return orjson.dumps(_plain(value, path), option=orjson.OPT_SORT_KEYS).decode()


def value(text: str) -> Value:
    message = Value()
    message.CopyFrom(_wrapped(orjson.loads(text)))
    return message


def _wrapped(plain: Json) -> Value:
    holder = Struct()
    holder.update({"value": plain})
    return holder.fields["value"]


def struct_of(values: Mapping[str, Any]) -> Struct | None:
    """None for none."""
    if not values:
        return None
    message = Struct()
    message.update(values)
    return message


def struct(text: str) -> Struct | None:
    return struct_of(orjson.loads(text)) if text else None


def plain_struct(struct: Struct, path: str) -> dict[str, Json]:
    """Raises InvalidFieldsError for `path`."""
    # Key by key: a map's `items` is written in Python, and takes twice as long.
    fields = struct.fields
    return {key: _plain(fields[key], path) for key in fields}


def _plain(value: Value, path: str) -> Json:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return _number(value.number_value, path)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return plain_struct(value.struct_value, path)
        case "list_value":
            return [_plain(item, path) for item in value.list_value.values]
        case _:
            return None


def _number(number: float, path: str) -> int | float:
    """Doubles that hold an integer are written as one: 3 and not 3.0."""
    if not isfinite(number):
        raise invalid_field(path, "numbers must be finite")
    return int(number) if number.is_integer() and abs(number) <= _EXACT_INTEGERS else number
