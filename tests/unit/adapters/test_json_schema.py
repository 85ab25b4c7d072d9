"""JSON Schema as contexts are checked by it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from outdial_server.adapters.json_schema import DRAFT, SUBSCHEMAS_MAX, JsonSchemas
from outdial_server.ports.schemas import SchemaError


def faults(schema: object, context: dict[str, Any], most: int = 16) -> list[tuple[str, str]]:
    compiled = JsonSchemas().compile(orjson.dumps(schema).decode())
    return [(fault.field, fault.description) for fault in compiled.faults(context, most)]


PERSON = {
    "$schema": DRAFT,
    "type": "object",
    "required": ["customer", "plan"],
    "properties": {
        "customer": {"type": "object", "required": ["first_name"]},
        "plan": {"enum": ["basic", "gold"]},
        "codes": {"items": {"pattern": "^[A-Z]{2}$"}, "uniqueItems": True},
    },
}


def test_what_fits_has_no_faults() -> None:
    context = {"customer": {"first_name": "Ada"}, "plan": "gold", "codes": ["AT"], "more": 1}
    assert faults(PERSON, context) == []


def test_each_fault_has_its_path() -> None:
    assert faults(PERSON, {"customer": {}, "codes": ["AT", "at", "AT"]}) == [
        ("plan", "is required by the agent's context_schema"),
        ("customer.first_name", "is required by the agent's context_schema"),
        ("codes[1]", """does not fit the agent's context_schema: "pattern":"^[A-Z]{2}$\""""),
        ("codes", 'does not fit the agent\'s context_schema: "uniqueItems":true'),
    ]


def test_only_so_many_faults_are_looked_for_and_none_is_long() -> None:
    schema = {"properties": {"a": {"items": {"enum": ["x" * 5_000]}}}}
    found = faults(schema, {"a": [1] * 1_000}, most=3)
    assert [path for path, _ in found] == ["a[0]", "a[1]", "a[2]"]
    assert max(len(description) for _, description in found) < 200


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "strng"}, "is no JSON Schema at type"),
        ({"properties": {"a": {"minimum": "1"}}}, "is no JSON Schema at properties.a.minimum"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "another $schema"),
        ({"$schema": 7}, "another $schema"),
        ({"$ref": "https://elsewhere.example/schema"}, "has $ref"),
        ({"allOf": [{"properties": {"a": {"$ref": "#"}}}]}, "has $ref"),
        ({"patternProperties": {"(a+)+$": {}}}, "has patternProperties"),
        ({"if": {"unevaluatedProperties": False}}, "has unevaluatedProperties"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "has a pattern that is not supported"),
        ({"properties": {str(n): {} for n in range(SUBSCHEMAS_MAX)}}, "more than 500 schemas"),
    ],
)
async def test_what_is_not_taken_is_said(schema: object, words: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        await JsonSchemas().check(orjson.dumps(schema).decode())
    assert words in str(refusal.value)


async def test_a_property_may_have_the_name_of_a_keyword() -> None:
    schema = {"properties": {"$ref": {"const": {"$ref": 1}}, "pattern": {"type": "number"}}}
    await JsonSchemas().check(orjson.dumps(schema).decode())
    assert faults(schema, {"$ref": {"$ref": 1}, "pattern": 3}) == []


def test_a_pattern_that_would_run_for_years_does_not() -> None:
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}}}
    assert [path for path, _ in faults(schema, {"a": "a" * 50_000 + "!"})] == ["a"]


_VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("", "a", "AT"))
_CONTEXTS = st.dictionaries(
    st.sampled_from(("customer", "plan", "codes")),
    _VALUES | st.lists(_VALUES, max_size=3) | st.fixed_dictionaries({"first_name": _VALUES}),
)


@given(_CONTEXTS)
def test_it_finds_a_fault_where_the_library_alone_does(context: dict[str, Any]) -> None:
    """1 and true are told apart by both."""
    assert bool(faults(PERSON, context)) == (not Draft202012Validator(PERSON).is_valid(context))
