"""The HTTP application."""

from collections.abc import Awaitable, Callable

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from outdial_server.gateway.callbacks import CallbackRoutes
from outdial_server.gateway.errors import http_error
from outdial_server.gateway.native import PREFIX


def build_http_app(
    is_ready: Callable[[], bool],
    scrape: Callable[[], Awaitable[bytes]],
    callbacks: CallbackRoutes,
    native: ASGIApp,
) -> Starlette:
    """`is_ready` is asked on each `/healthz`: 200 while the server takes work, else 503.
    `scrape` makes what `/metrics` answers."""

    async def health(request: Request) -> Response:
        ready = is_ready()
        status = "serving" if ready else "not_serving"
        return JSONResponse({"status": status}, status_code=200 if ready else 503)

    async def show_metrics(request: Request) -> Response:
        return Response(await scrape(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/metrics", show_metrics),
            *callbacks.routes(),
            Mount(PREFIX, app=native),
        ],
        exception_handlers={HTTPException: http_error, Exception: http_error},
    )
