"""What the routes have in common."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI
from starlette.responses import JSONResponse

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import caller
from outdial_server.gateway.truedy.asked import PREFIX
from outdial_server.gateway.truedy.errors import ErrorBody

Asks = Annotated[Caller, Depends(caller)]

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "The body is no JSON"},
    401: {"model": ErrorBody, "description": "No key, or one that does not work"},
    403: {"model": ErrorBody, "description": "The key may not do this"},
    404: {"model": ErrorBody, "description": "There is no such id"},
    408: {"model": ErrorBody, "description": "The body did not come whole"},
    409: {
        "model": ErrorBody,
        "description": "It was changed meanwhile, or is there already",
    },
    413: {"model": ErrorBody, "description": "The body is too long"},
    422: {"model": ErrorBody, "description": "A field is wrong, or the status does not allow it"},
    429: {"model": ErrorBody, "description": "Too many requests"},
    500: {"model": ErrorBody, "description": "A fault of the server"},
    502: {"model": ErrorBody, "description": "The carrier cannot be asked"},
    503: {"model": ErrorBody, "description": "The server cannot be asked at present"},
}


class Routes:
    """Adds the routes of one noun to the application."""

    def __init__(self, api: FastAPI, tag: str) -> None:
        self._api = api
        self._tag = tag

    def get(self, path: str, handler: Callable[..., Any], answer: Any) -> None:
        self._add("GET", path, handler, answer, 200)

    def patch(self, path: str, handler: Callable[..., Any], answer: Any) -> None:
        self._add("PATCH", path, handler, answer, 200)

    def delete(self, path: str, handler: Callable[..., Any], answer: Any) -> None:
        self._add("DELETE", path, handler, answer, 200)

    def post(
        self,
        path: str,
        handler: Callable[..., Any],
        answer: Any,
        status: int = 201,
        body: dict[str, Any] | None = None,
    ) -> None:
        """`body` is that of a handler which reads it by itself; see `required_body`."""
        self._add("POST", path, handler, answer, status, body)

    def _add(
        self,
        verb: str,
        path: str,
        handler: Callable[..., Any],
        answer: Any,
        status: int,
        body: dict[str, Any] | None = None,
    ) -> None:
        self._api.add_api_route(
            PREFIX + path,
            handler,
            methods=[verb],
            response_model=answer,
            response_class=JSONResponse,
            status_code=status,
            responses=_ERRORS,
            openapi_extra=body,
            tags=[self._tag],
        )
