"""The OpenAPI document of this API, as it is spoken here."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from outdial_server.gateway.ultravox.answer import answer

PATH: Final = "/api/schema/"

_SECURITY: Final = {
    "apiKeyAuth": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def show(api: FastAPI) -> None:
    """Behind all other routes."""

    async def schema() -> Response:
        """The OpenAPI document. No key is needed."""
        return answer(api.openapi())

    api.add_api_route(
        PATH, schema, operation_id="schema_retrieve", tags=["Schema"], response_model=dict[str, Any]
    )
    api.openapi = lambda: _document(api)  # type: ignore[method-assign]


def _document(api: FastAPI) -> dict[str, Any]:
    if api.openapi_schema is None:
        told = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=api.routes,
            tags=api.openapi_tags,
        )
        components = told.setdefault("components", {})
        components["securitySchemes"] = _SECURITY
        schemas = components.setdefault("schemas", {})
        for path, operations in told["paths"].items():
            for operation in operations.values():
                _settle(operation, schemas)
                operation["security"] = [] if path == PATH else [{"apiKeyAuth": []}]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        api.openapi_schema = told
    return api.openapi_schema


def _settle(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """What is wrong is said with 400 here; and schemas of bodies that are read as they come in
    belong with the others."""
    operation["responses"].pop("422", None)
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    schemas.update(schema.pop("$defs", {}))
