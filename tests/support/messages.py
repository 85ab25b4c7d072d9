"""Any message of the contract, for properties."""

from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NANOS = st.one_of(
    st.just(0),
    st.integers(0, 999).map(lambda n: n * 1_000_000),
    st.integers(0, 999_999).map(lambda n: n * 1000),
    st.integers(0, 999_999_999),
)
# From the year 1 to the year 9999, as JSON can say.
SECONDS = st.integers(-62_135_596_800, 253_402_300_799)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def _duration(seconds: int, nanos: int) -> Duration:
    return Duration(seconds=seconds, nanos=-nanos if seconds < 0 else nanos)


def _struct(content: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(content)
    return struct


def _value(content: Any) -> Value:
    # By way of a list, which takes any of them.
    values = ListValue()
    values.extend([content])
    return Value.FromString(values.values[0].SerializeToString())


WELL_KNOWN: dict[str, st.SearchStrategy[Message]] = {
    "google.protobuf.Timestamp": st.builds(Timestamp, seconds=SECONDS, nanos=NANOS),
    "google.protobuf.Duration": st.builds(_duration, st.integers(-(10**9), 10**9), NANOS),
    "google.protobuf.FieldMask": st.builds(
        FieldMask, paths=st.lists(st.sampled_from(["display_name", "priority", "a.b_c"]))
    ),
    "google.protobuf.Struct": st.dictionaries(TEXTS, VALUES, max_size=3).map(_struct),
    "google.protobuf.Value": VALUES.map(_value),
}

_BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


@cache
def any_message(kind: Descriptor) -> st.SearchStrategy[Message]:
    """With any of its fields set, as deep as they go."""
    known = WELL_KNOWN.get(kind.full_name)
    if known is not None:
        return known
    fields = {field.name: _field(field) for field in kind.fields}
    present = st.fixed_dictionaries({}, optional=fields)
    make: Callable[..., Message] = GetMessageClass(kind)
    # Of each oneof the last one counts, as on the wire.
    return present.map(lambda values: make(**values))


def _field(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return st.dictionaries(TEXTS, _one(kind.fields_by_name["value"]), max_size=2)
    one = _one(field)
    return st.lists(one, max_size=2) if field.is_repeated else one


def _one(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        kind = field.message_type
        return st.deferred(lambda: any_message(kind))
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.cpp_type in _BOUNDS:
        return st.integers(*_BOUNDS[field.cpp_type])
    return {
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=5),
        FieldDescriptor.TYPE_STRING: TEXTS,
        FieldDescriptor.TYPE_DOUBLE: NUMBERS,
    }[field.type]


def full_message(kind: Descriptor, depth: int = 4) -> Message:
    """With every field set, lists and maps to one value, down to a depth."""
    message = GetMessageClass(kind)()
    for field in kind.fields:
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            values = inner.fields_by_name["value"]
            getattr(message, field.name).update({"key": _plain(values)})
        elif inner is None and field.is_repeated:
            getattr(message, field.name).append(_plain(field))
        elif inner is None:
            setattr(message, field.name, _plain(field))
        elif depth and field.is_repeated:
            getattr(message, field.name).append(_full_or_known(inner, depth - 1))
        elif depth:
            getattr(message, field.name).CopyFrom(_full_or_known(inner, depth - 1))
    return message


def _full_or_known(kind: Descriptor, depth: int) -> Message:
    return _EXAMPLES.get(kind.full_name) or full_message(kind, depth)


_EXAMPLES: dict[str, Message] = {
    "google.protobuf.Timestamp": Timestamp(seconds=1_772_442_012, nanos=345_678_000),
    "google.protobuf.Duration": Duration(seconds=1, nanos=500_000_000),
    "google.protobuf.FieldMask": FieldMask(paths=["display_name"]),
    "google.protobuf.Struct": _struct({"a": [1, 2.5, None, True, {"b": "c"}]}),
    "google.protobuf.Value": _value("text"),
}


def _plain(field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    if field.cpp_type in _BOUNDS:
        return _BOUNDS[field.cpp_type][1]
    return {
        FieldDescriptor.TYPE_BOOL: True,
        FieldDescriptor.TYPE_BYTES: b"\xff",
        FieldDescriptor.TYPE_STRING: "text",
        FieldDescriptor.TYPE_DOUBLE: 2.5,
    }[field.type]
