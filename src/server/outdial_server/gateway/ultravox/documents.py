"""What the OpenAPI document says of requests and refusals that no model of FastAPI says."""

from typing import Any, Final

from pydantic import BaseModel

_SAID: Final = {
    400: "What is wrong, by fields, or as `detail`.",
    401: "No key was sent.",
    403: "The key is wrong, or may not do this.",
    409: "Somebody else changed it in between.",
    404: "There is no such thing in the account.",
    413: "The body is longer than 32 MiB.",
    429: "Too many at once; `Retry-After` says when to try again.",
}

_OBJECT: Final = {"application/json": {"schema": {"type": "object"}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """With those that every operation may have."""
    return {
        status: {"description": _SAID[status], "content": _OBJECT}
        for status in sorted({*statuses, 401, 403, 429})
    }


def body_of(model: type[BaseModel], *, is_required: bool = True) -> dict[str, Any]:
    """Of a route that reads its body itself. The schema stands where it is used."""
    schema = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    return {
        "requestBody": {
            "required": is_required,
            "content": {"application/json": {"schema": schema}},
        }
    }
