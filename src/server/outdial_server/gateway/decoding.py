"""JSON into messages, in protobuf's own form of it.

The library's own way says what is wrong in words that name no place in a list, and takes a
list for an empty message. Here every fault has its path.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from outdial_server.domain.errors import FieldViolation, InvalidFieldsError
from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX

_DEPTH_MOST: Final = 60
"""Deeper than any message of ours; a Struct holds what its writer likes."""

_INTEGERS: Final[Mapping[int, tuple[int, int]]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")


class UnfitError(ValueError):
    """A value that a field cannot take; the message says what it can."""


class Faults:
    """What is wrong with one request, as far as there is room to tell."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []
        self._count = 0

    def add(self, path: str, description: str) -> None:
        self._count += 1
        if len(self._violations) < FIELD_VIOLATIONS_MAX:
            self._violations.append(FieldViolation(path or "body", description))

    def check(self) -> None:
        """Raises InvalidFieldsError when there is anything."""
        if self._count:
            raise InvalidFieldsError(self._violations, count=self._count)


def read_into(message: Message, value: object, path: str, faults: Faults) -> None:
    """Fills a message from its JSON. Fields that are null stay as they are."""
    special = message.DESCRIPTOR.full_name.startswith("google.protobuf.")
    if special:
        _read_well_known(message, value, path, faults)
        return
    if not isinstance(value, dict):
        faults.add(path, "must be an object")
        return
    known, seen = fields_of(message.DESCRIPTOR), set[str]()
    for name, content in value.items():
        field = known.get(name)
        if field is None:
            faults.add(_below(path, name), "is not known")
        elif field.name in seen:
            faults.add(_below(path, field.name), "is said twice, in both spellings")
        else:
            seen.add(field.name)
            if content is not None or _takes_null(field):
                _read_field(message, field, content, _below(path, field.name), faults)


@cache
def fields_of(kind: Descriptor) -> Mapping[str, FieldDescriptor]:
    """By both of their spellings."""
    return {name: field for field in kind.fields for name in (field.name, field.json_name)}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _takes_null(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.full_name == "google.protobuf.Value"


def _read_field(
    message: Message, field: FieldDescriptor, content: Any, path: str, faults: Faults
) -> None:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        _read_map(getattr(message, field.name), kind, content, path, faults)
    elif field.is_repeated:
        _read_list(getattr(message, field.name), field, content, path, faults)
    elif kind is not None:
        inner = getattr(message, field.name)
        inner.SetInParent()
        read_into(inner, content, path, faults)
    else:
        _told(lambda: setattr(message, field.name, _scalar(field, content)), path, faults)


def _told(step: Callable[[], Any], path: str, faults: Faults) -> None:
    try:
        step()
    except UnfitError as error:
        faults.add(path, str(error))


def _read_list(
    values: Any, field: FieldDescriptor, content: Any, path: str, faults: Faults
) -> None:
    if not isinstance(content, list):
        faults.add(path, "must be a list")
        return
    for index, item in enumerate(content):
        place = f"{path}[{index}]"
        if item is None and not _takes_null(field):
            faults.add(place, "must not be null")
        elif field.message_type is not None:
            read_into(values.add(), item, place, faults)
        else:
            _append(values, field, item, place, faults)


def _append(values: Any, field: FieldDescriptor, item: Any, path: str, faults: Faults) -> None:
    _told(lambda: values.append(_scalar(field, item)), path, faults)


def _read_map(values: Any, entry: Descriptor, content: Any, path: str, faults: Faults) -> None:
    """All maps of the contract have texts for keys."""
    if not isinstance(content, dict):
        faults.add(path, "must be an object")
        return
    field = entry.fields_by_name["value"]
    for key, item in content.items():
        place = f"{path}[{key!r}]"
        if item is None:
            faults.add(place, "must not be null")
        elif field.message_type is not None:
            read_into(values[key], item, place, faults)
        else:
            _put(values, key, field, item, place, faults)


def _put(
    values: Any, key: str, field: FieldDescriptor, item: Any, path: str, faults: Faults
) -> None:
    _told(lambda: values.__setitem__(key, _scalar(field, item)), path, faults)


def _scalar(field: FieldDescriptor, content: Any) -> Any:
    """Raises UnfitError."""
    if field.enum_type is not None:
        return _enum(field.enum_type, content)
    bounds = _INTEGERS.get(field.cpp_type)
    if bounds is not None:
        return _integer(content, bounds)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(content, bool):
            raise UnfitError("must be true or false")
        return content
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(content)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text(content)
    return _number(content)


def _enum(kind: EnumDescriptor, content: Any) -> int:
    values = kind.values_by_name
    if isinstance(content, str) and content in values:
        number: int = values[content].number
        return number
    raise UnfitError(f"must be one of {', '.join(list(values)[1:])}")


def _integer(content: Any, bounds: tuple[int, int]) -> int:
    if isinstance(content, str) and _DIGITS.fullmatch(content):
        content = int(content)
    if isinstance(content, float) and content.is_integer():
        content = int(content)
    if not isinstance(content, int) or isinstance(content, bool):
        raise UnfitError("must be a whole number")
    least, most = bounds
    number = content
    if not least <= number <= most:
        raise UnfitError(f"must be from {least} to {most}")
    return number


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise UnfitError("must be a text")
    return content


def _number(content: Any) -> float:
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    if is_number or (isinstance(content, str) and _DECIMAL.fullmatch(content)):
        return float(str(content))
    raise UnfitError("must be a number")


def _bytes(content: Any) -> bytes:
    text = _text(content).replace("-", "+").replace("_", "/")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError):
        raise UnfitError("must be base64") from None


def _in_snake_case(word: re.Match[str]) -> str:
    return f"_{word[0].lower()}"


_WORD: Final = re.compile(r"[A-Z]")
"""Where one begins in the other spelling."""

_EXPECTED: Final[Mapping[str, str]] = {
    "Timestamp": 'must be a moment with its offset, like "2026-03-02T09:00:00Z"',
    "Duration": 'must be seconds with an s, like "30s" or "1.5s"',
    "FieldMask": 'must be a text of field names, like "displayName,priority"',
    "Struct": "must be an object",
}


def _read_well_known(message: Message, content: Any, path: str, faults: Faults) -> None:
    name = message.DESCRIPTOR.name
    if name == "FieldMask" and isinstance(content, str):
        paths = [_WORD.sub(_in_snake_case, path) for path in content.split(",") if path]
        message.paths.extend(paths)  # type: ignore[attr-defined]
        return
    try:
        json_format.ParseDict(content, message, max_recursion_depth=_DEPTH_MOST)
    except (json_format.ParseError, ValueError, TypeError, RecursionError):
        # Half of it may have been read.
        message.Clear()
        faults.add(path, _EXPECTED.get(name, f"is no {name}"))
