"""The HTTP application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from outdial_server.gateway.callbacks import CALLBACKS_PREFIX, CallbackRoutes
from outdial_server.gateway.docs import DOCUMENTS, docs_routes
from outdial_server.gateway.errors import http_error


@dataclass(frozen=True, slots=True)
class Health:
    is_ready: bool
    # What keeps the server from dialling, and why: its reasons are those of errors.
    obstacles: Mapping[str, str]


def build_http_app(
    health: Callable[[], Health],
    scrape: Callable[[], Awaitable[bytes]],
    callbacks: CallbackRoutes,
    surfaces: Mapping[str, ASGIApp],
) -> ASGIApp:
    """`health` is asked on each `/healthz`: 200 while the server takes work, else 503.
    `scrape` makes what `/metrics` answers. `surfaces` are asked for what lies below their
    prefixes, in their order."""

    async def show_health(request: Request) -> Response:
        now = health()
        return JSONResponse(
            {"status": "serving" if now.is_ready else "not_serving", "obstacles": now.obstacles},
            status_code=200 if now.is_ready else 503,
        )

    async def show_metrics(request: Request) -> Response:
        return Response(await scrape(), media_type=CONTENT_TYPE_LATEST)

    rest = Starlette(
        routes=[
            Route("/healthz", show_health),
            Route("/metrics", show_metrics),
            *docs_routes(DOCUMENTS),
            *(_Below(prefix, app) for prefix, app in surfaces.items()),
        ],
        exception_handlers={HTTPException: http_error, Exception: http_error},
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # There are several for each call: what stands around the routes would cost more than what
        # is done with them.
        is_callback = scope["type"] == "http" and scope["path"].startswith(f"{CALLBACKS_PREFIX}/")
        await (callbacks if is_callback else rest)(scope, receive, send)

    return serve


class _Below(BaseRoute):
    """Whatever begins with a prefix. A mount leaves out paths that hold a line break, whose
    refusal then has another form than the others."""

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self._prefix = f"{prefix}/"
        self._app = app

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_below = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if is_below else Match.NONE), {}

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
