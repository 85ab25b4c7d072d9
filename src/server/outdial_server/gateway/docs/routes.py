"""Pages for people: a list of the surfaces, and a viewer for each of their documents.

The viewer is Swagger UI, out of an installed package. Nothing is asked of any other host.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from outdial_server.gateway.docs.documents import OpenApi

_VIEWER_PACKAGE: Final = "fastapi_offline"
_OURS: Final = Path(__file__).parent

_TYPES: Final[Mapping[str, str]] = {".css": "text/css", ".js": "text/javascript"}

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


def docs_routes(documents: Mapping[str, OpenApi]) -> list[Route]:
    """`/docs`, and what lies below."""
    pages = _Pages(documents)
    return [
        Route("/docs", pages.index),
        Route("/docs/assets/{name}", pages.asset),
        Route("/docs/{name}.json", pages.document),
        Route("/docs/{name}", pages.viewer),
    ]


class _Pages:
    def __init__(self, documents: Mapping[str, OpenApi]) -> None:
        self._documents = documents

    async def index(self, request: Request) -> Response:
        rows = "".join(
            f'<li><a href="/docs/{name}">{name}</a> <code>{escape(document.prefix)}</code> '
            f'<a class="raw" href="/docs/{name}.json">openapi.json</a></li>'
            for name, document in self._documents.items()
        )
        return _page(
            "Outdial: REST surfaces", f"<main><h1>REST surfaces</h1><ul>{rows}</ul></main>"
        )

    async def viewer(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._find(name)
        return _page(
            f"Outdial: {name}",
            '<nav><a href="/docs">All surfaces</a></nav>'
            f'<div id="viewer" data-document="/docs/{name}.json"></div>'
            '<script src="/docs/assets/swagger-ui-bundle.js"></script>'
            '<script src="/docs/assets/viewer.js"></script>',
        )

    async def document(self, request: Request) -> Response:
        found = self._find(request.path_params["name"])
        content = await asyncio.to_thread(found.read)
        return Response(content, media_type="application/json")

    async def asset(self, request: Request) -> Response:
        file = _assets().get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        content = await asyncio.to_thread(file.read_bytes)
        response = Response(content, media_type=_TYPES[file.suffix])
        response.headers["cache-control"] = "max-age=3600"
        return response

    def _find(self, name: str) -> OpenApi:
        try:
            return self._documents[name]
        except KeyError:
            raise HTTPException(404) from None


@cache
def _assets() -> Mapping[str, Path]:
    package = find_spec(_VIEWER_PACKAGE)
    if package is None or package.origin is None:
        raise ModuleNotFoundError(f"{_VIEWER_PACKAGE} is not installed")
    theirs = Path(package.origin).parent / "static"
    files = (
        theirs / "swagger-ui-bundle.js",
        theirs / "swagger-ui.css",
        _OURS / "viewer.js",
        _OURS / "pages.css",
    )
    return {file.name: file for file in files}


def _page(title: str, body: str) -> Response:
    response = HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">'
        '<link rel="stylesheet" href="/docs/assets/pages.css">'
        f"</head><body>{body}</body></html>"
    )
    response.headers["content-security-policy"] = _POLICY
    return response
