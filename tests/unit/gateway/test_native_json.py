"""Messages as JSON and back, held against protobuf's own way."""

import json
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outdial.v1.batch_service_pb2 import CreateBatchRequest, UpdateBatchRequest

from outdial_server.api.server import SERVICES
from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.gateway.decoding import Faults, read_into
from outdial_server.gateway.encoding import to_json
from support.messages import any_message, full_message

METHODS = [method for service in SERVICES for method in service.methods]
KINDS = {kind.full_name: kind for m in METHODS for kind in (m.input_type, m.output_type)}


def read(kind: Descriptor, content: object) -> Message:
    message, faults = GetMessageClass(kind)(), Faults()
    read_into(message, content, "", faults)
    faults.check()
    return message


def check(message: Message) -> None:
    told = orjson.loads(to_json(message))
    assert told == json.loads(json_format.MessageToJson(message))
    assert read(message.DESCRIPTOR, told) == message


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_field_becomes_what_protobuf_makes_of_it(name: str) -> None:
    check(full_message(KINDS[name]))


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(KINDS)).flatmap(lambda name: any_message(KINDS[name])))
def test_any_message_becomes_what_protobuf_makes_of_it(message: Message) -> None:
    check(message)


def test_no_field_is_of_a_kind_that_is_not_made() -> None:
    """Nothing in the contract has these, and so nothing here reads or writes them."""
    seen = list[FieldDescriptor]()
    waiting = list(KINDS.values())
    known = set[str]()
    while waiting:
        kind = waiting.pop()
        if kind.full_name not in known and not kind.full_name.startswith("google."):
            known.add(kind.full_name)
            seen += kind.fields
            waiting += [field.message_type for field in kind.fields if field.message_type]
    left_out = {
        FieldDescriptor.TYPE_FLOAT,
        FieldDescriptor.TYPE_GROUP,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_FIXED64,
    }
    assert seen
    assert [field.full_name for field in seen if field.type in left_out] == []
    maps = [field.message_type for field in seen if field.message_type]
    keys = [kind.fields_by_name["key"] for kind in maps if kind.GetOptions().map_entry]
    assert {key.type for key in keys} == {FieldDescriptor.TYPE_STRING}


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        ([], "body", "must be an object"),
        ({"batch": 7}, "batch", "must be an object"),
        ({"batch": {"foo": 1}}, "batch.foo", "is not known"),
        ({"batch": {"displayName": "a", "display_name": "b"}}, "batch.display_name", "twice"),
        ({"batch": {"displayName": 5}}, "batch.display_name", "must be a text"),
        ({"batch": {"priority": "high"}}, "batch.priority", "must be a whole number"),
        ({"batch": {"priority": 1.5}}, "batch.priority", "must be a whole number"),
        ({"batch": {"priority": True}}, "batch.priority", "must be a whole number"),
        ({"batch": {"priority": 2**31}}, "batch.priority", "must be from -2147483648 to"),
        ({"batch": {"pacing": "SLOW"}}, "batch.pacing", "must be one of PACING_"),
        ({"batch": {"windowStart": "soon"}}, "batch.window_start", "must be a moment"),
        ({"batch": {"windowStart": "2026-03-02T09:00:00"}}, "batch.window_start", "offset"),
        ({"batch": {"ringTimeout": 5}}, "batch.ring_timeout", 'like "30s"'),
        ({"batch": {"metadata": {"a": 1}}}, "batch.metadata['a']", "must be a text"),
        ({"batch": {"metadata": {"a": None}}}, "batch.metadata['a']", "must not be null"),
        ({"batch": {"annotations": []}}, "batch.annotations", "must be an object"),
        ({"draft": "yes"}, "draft", "must be true or false"),
        ({"scheduledCalls": {}}, "scheduled_calls", "must be a list"),
        ({"scheduledCalls": [{}, None]}, "scheduled_calls[1]", "must not be null"),
        (
            {"scheduledCalls": [{"address": "+1555"}, {"address": 5}]},
            "scheduled_calls[1].address",
            "must be a text",
        ),
    ],
)
def test_what_a_field_cannot_take_is_told_with_its_place(
    content: Any, field: str, words: str
) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        read(CreateBatchRequest.DESCRIPTOR, content)
    (violation,) = refused.value.violations
    assert violation.field == field
    assert words in violation.description


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        read(CreateBatchRequest.DESCRIPTOR, {"draft": 1, "batch": {"priority": "x"}, "a": 1})
    assert [violation.field for violation in refused.value.violations] == [
        "draft",
        "batch.priority",
        "a",
    ]


def test_null_leaves_a_field_as_it_is() -> None:
    content = {"batch": {"displayName": None, "windowStart": None, "metadata": None}, "draft": None}
    assert read(CreateBatchRequest.DESCRIPTOR, content) == CreateBatchRequest(batch={})


@pytest.mark.parametrize("mask", ["displayName,windowStart", "display_name,window_start"])
def test_a_mask_takes_both_spellings(mask: str) -> None:
    message = read(UpdateBatchRequest.DESCRIPTOR, {"updateMask": mask})
    assert list(message.update_mask.paths) == ["display_name", "window_start"]  # type: ignore[attr-defined]
