"""Update masks, as AIP-134 has them."""

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from outdial_server.domain.errors import invalid_field


def masked_fields(mask: FieldMask, message: Message, writable: Collection[str]) -> frozenset[str]:
    """The fields to be written: those named, all writable ones for `*`, and those that
    are populated when nothing is named."""
    if not mask.paths:
        populated = {field.name for field, _ in message.ListFields()}
        return frozenset(populated.intersection(writable))
    if list(mask.paths) == ["*"]:
        return frozenset(writable)
    for path in mask.paths:
        if path not in writable:
            raise invalid_field("update_mask", _refusal(path, message, writable))
    return frozenset(mask.paths)


def _refusal(path: str, message: Message, writable: Collection[str]) -> str:
    if path == "*":
        return "'*' must stand alone: it is every field that can be changed"
    known = path.split(".", maxsplit=1)[0] in message.DESCRIPTOR.fields_by_name
    verb = "cannot be changed" if known else "is no field"
    return f"{path!r} {verb}; name some of {', '.join(sorted(writable))}"
