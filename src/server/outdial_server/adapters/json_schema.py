"""JSON Schema of draft 2020-12, without what would let one schema hold the server.

A schema is a client's text, and to check a row against it must end soon. So there are no
references, which can recurse and double, nor unevaluated items and properties, which look at
everything below them once more at each level; nothing is ever fetched; patterns are matched
by pydantic's engine in linear time; and items are told apart by their JSON, not in pairs.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError as InvalidSchemaError
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic_core import SchemaError as InvalidPatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry

from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.template import Context
from outdial_server.ports.schemas import SchemaError

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

SUBSCHEMAS_MAX: Final = 500

_REFUSED: Final = (
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$recursiveRef",
    "patternProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_WITH_ONE: Final = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
)
_WITH_MANY: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_WITH_NAMED: Final = ("$defs", "dependentSchemas", "properties")

_SHOWN_CHARS: Final = 100


class JsonSchemas:
    """SchemaCompiler."""

    async def check(self, schema_json: str) -> None:
        # 200 ms for a large one: in a thread, where it takes turns with the event loop.
        await asyncio.to_thread(_check, schema_json)

    def compile(self, schema_json: str) -> "CompiledSchema":
        return CompiledSchema(_Validator(orjson.loads(schema_json), registry=Registry()))


def _check(schema_json: str) -> None:
    schema = orjson.loads(schema_json)
    if str(schema.get("$schema", DRAFT)).rstrip("#") != DRAFT:
        raise SchemaError(f"has another $schema than {DRAFT}")
    try:
        Draft202012Validator.check_schema(schema)
    except InvalidSchemaError as error:
        at = ".".join(str(step) for step in error.absolute_path)
        where = f" at {_cut(at)}" if at else ""
        raise SchemaError(f"is no JSON Schema{where}: {_cut(error.message)}") from error
    for count, subschema in enumerate(_subschemas(schema), 1):
        _refuse_unbounded(subschema, count)


class CompiledSchema:
    """ContextSchema."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    def faults(self, context: Context, most: int) -> Sequence[FieldViolation]:
        return [_fault(error) for error in islice(self._validator.iter_errors(context), most)]


def _fault(error: ValidationError) -> FieldViolation:
    """In words of our own: those of the library quote the value, which may be long."""
    path = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path
    )
    if error.validator == "required":
        return FieldViolation(path[1:], "is required by the agent's context_schema")
    rule = orjson.dumps({str(error.validator): error.validator_value}).decode()
    return FieldViolation(path[1:], f"does not fit the agent's context_schema: {_cut(rule[1:-1])}")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _subschemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and all below it; true and false are schemas without rules."""
    waiting = [schema]
    while waiting:
        subschema = waiting.pop()
        if not isinstance(subschema, Mapping):
            continue
        yield subschema
        waiting += (subschema[key] for key in _WITH_ONE if key in subschema)
        for key in _WITH_MANY:
            waiting += subschema.get(key, ())
        for key in _WITH_NAMED:
            waiting += subschema.get(key, {}).values()


def _refuse_unbounded(subschema: Mapping[str, Any], count: int) -> None:
    if count > SUBSCHEMAS_MAX:
        raise SchemaError(f"must not have more than {SUBSCHEMAS_MAX} schemas in it")
    for keyword in _REFUSED:
        if keyword in subschema:
            raise SchemaError(f"has {keyword}, which is not supported")
    pattern = subschema.get("pattern")
    if pattern is not None:
        try:
            _matcher(pattern)
        except InvalidPatternError as error:
            raise SchemaError(f"has a pattern that is not supported: {_cut(pattern)}") from error


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _pattern(
    validator: Validator, pattern: str, value: Any, schema: object
) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _matcher(pattern).isinstance_python(value):
        yield ValidationError("does not match")


def _unique_items(
    validator: Validator, wanted: bool, value: Any, schema: object
) -> Iterator[ValidationError]:
    if wanted and isinstance(value, list):
        texts = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in value}
        if len(texts) < len(value):
            yield ValidationError("has an item twice")


def _required(
    validator: Validator, names: Sequence[str], value: Any, schema: object
) -> Iterator[ValidationError]:
    """Each under its own path."""
    if isinstance(value, Mapping):
        for name in names:
            if name not in value:
                yield ValidationError("is missing", path=[name])


_Validator: Final = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern, "uniqueItems": _unique_items, "required": _required},
)
