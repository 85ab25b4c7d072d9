"""Bodies that routes read by themselves."""

from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], body: object) -> M:
    """Raises RequestValidationError, as for bodies that are read for a route."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        places = [{**fault, "loc": ("body", *fault["loc"])} for fault in faults]
        raise RequestValidationError(places) from None


def json_content(model: type[BaseModel]) -> dict[str, Any]:
    """For the document, without references."""
    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    return {"application/json": {"schema": _inlined(schema, inner)}}


def required_body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: Any, inner: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, inner) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name in inner:
        return _inlined(inner[name], inner)
    return {key: _inlined(value, inner) for key, value in schema.items()}
