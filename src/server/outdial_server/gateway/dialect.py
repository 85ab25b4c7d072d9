"""What all surfaces of documented systems have in common: who is asking, how no is said, and
how their applications are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from google.rpc import code_pb2
from orjson import loads
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from typing_extensions import override

from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.door import Door, Limits, caller_of, surroundings_of
from outdial_server.gateway.refusal import Refusal, refusal_of

_PARSED_MAX_BYTES: Final = 1024 * 1024
"""Some 10 ms at once; a prompt, a first message and their defaults have less than 200 KiB."""

log = structlog.get_logger("outdial.gateway")


class Voice(Protocol):
    """How a surface says no."""

    def refused(self, refusal: Refusal) -> Response:
        """What an RPC refused, or the door: no key, a wrong one, too many requests."""
        ...

    def invalid(self, error: RequestValidationError) -> Response:
        """A request that is not of the documented shape."""
        ...

    def failed(self, status: int, detail: str) -> Response:
        """404 and 405 for paths and verbs that do not exist, 408, 413, 415, and 500."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One documented system."""

    title: str
    version: str
    description: str
    voice: Voice
    # What a request says is its key; empty for none.
    secret_of: Callable[[Request], str]
    # The vendor's own.
    limits: Callable[[], Limits]
    # Asked without a key.
    open_paths: frozenset[str] = frozenset()
    tags: Sequence[dict[str, Any]] = field(default=())


def build_api(dialect: Dialect) -> FastAPI:
    """An application to which the dialect's routes are added."""
    api = FastAPI(
        title=dialect.title,
        version=dialect.version,
        description=dialect.description,
        openapi_tags=list(dialect.tags),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=_handlers(dialect.voice),
    )
    api.router.route_class = DialectRoute
    return api


def behind_door(api: FastAPI, dialect: Dialect, stands_on: Surroundings) -> ASGIApp:
    limits = dialect.limits() if stands_on.has_vendor_limits else Limits()
    refuse = dialect.voice.refused
    return Door(api, stands_on, dialect.secret_of, refuse, limits, dialect.open_paths)


def caller(request: Request) -> Caller:
    """For routes: `asks: Annotated[Caller, Depends(caller)]`."""
    return caller_of(request.scope)


def surroundings(request: Request) -> Surroundings:
    """For routes, like `caller`."""
    return surroundings_of(request.scope)


_WITH_FILES: Final = "multipart/form-data"


class _Request(Request):
    _headers_of_json: Headers | None = None

    @property
    @override
    def headers(self) -> Headers:
        """A body is JSON whatever its type says: curl, left alone, calls it a form. One that has
        files in it says so."""
        told = super().headers
        if told.get("content-type", "").lower().startswith(_WITH_FILES):
            return told
        if self._headers_of_json is None:
            others = [pair for pair in told.raw if pair[0] != b"content-type"]
            self._headers_of_json = Headers(raw=[*others, (b"content-type", b"application/json")])
        return self._headers_of_json

    @override
    async def json(self) -> Any:
        """By a parser that takes no half of a surrogate pair for a text, which no message could
        hold. Its error is the one that FastAPI expects. Raises HTTPException for what would hold
        up everybody else: long lists are read as they come, by their own routes."""
        body = await self.body()
        if len(body) > _PARSED_MAX_BYTES:
            raise HTTPException(413, f"the body is longer than {_PARSED_MAX_BYTES} bytes")
        return loads(body)


class DialectRoute(APIRoute):
    @override
    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            response: Response = await handle(_Request(request.scope, request.receive))
            return response

        return handled


def _handlers(voice: Voice) -> dict[int | type[Exception], Any]:
    async def refused(request: Request, error: RpcRefusedError) -> Response:
        return voice.refused(refusal_of(error.status))

    async def misread(request: Request, error: InvalidFieldsError) -> Response:
        return voice.refused(
            Refusal(
                code_pb2.INVALID_ARGUMENT,
                error.reason.value,
                error.message,
                tuple(error.violations),
                error.metadata,
                is_own=True,
            )
        )

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return voice.invalid(error)

    async def failed(request: Request, error: HTTPException) -> Response:
        response = voice.failed(error.status_code, error.detail)
        # Which methods are allowed, for one.
        response.headers.update(error.headers or {})
        return response

    async def broken(request: Request, error: Exception) -> Response:
        log.error("rest.broken", method=request.method, exc_info=error)
        return voice.failed(500, "something went wrong")

    return {
        RpcRefusedError: refused,
        InvalidFieldsError: misread,
        RequestValidationError: invalid,
        HTTPException: failed,
        Exception: broken,
    }
