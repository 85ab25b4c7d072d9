"""The query of a request, in the form of JSON."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.decoding import fields_of

_FIELDS_MOST: Final = 1000


def pairs_in(query: str) -> list[tuple[str, str]]:
    """Names and texts. Raises InvalidFieldsError."""
    try:
        return parse_qsl(
            query, keep_blank_values=True, max_num_fields=_FIELDS_MOST, errors="strict"
        )
    except ValueError:
        raise invalid_field("query", "cannot be read") from None


def query_object(kind: Descriptor, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """By the fields of a message; those of a message in it come behind a dot. What they are
    worth is left for the reader of the JSON. Raises InvalidFieldsError."""
    told: dict[str, Any] = {}
    for name, text in pairs:
        _put(told, kind, name.split("."), name, text)
    return told


def _put(
    told: dict[str, Any], kind: Descriptor, names: Sequence[str], spelling: str, text: str
) -> None:
    name, rest = names[0], names[1:]
    field = fields_of(kind).get(name)
    if field is None or (rest and (field.message_type is None or field.is_repeated)):
        raise invalid_field(spelling, "is not known")
    if rest and field.message_type is not None:
        _put(told.setdefault(field.name, {}), field.message_type, rest, spelling, text)
    elif field.is_repeated:
        told.setdefault(field.name, []).append(_worth(field, text))
    elif field.name in told:
        raise invalid_field(spelling, "is said twice")
    else:
        told[field.name] = _worth(field, text)


def _worth(field: FieldDescriptor, text: str) -> object:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    return text
