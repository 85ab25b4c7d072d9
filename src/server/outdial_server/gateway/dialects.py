"""The documented systems that are spoken here, and where each begins."""

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from outdial_server.commands.keys import Authenticate
from outdial_server.commands.repeated_requests import RepeatedRequests
from outdial_server.gateway.asking import RpcTable
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource

DIALECTS: Final[tuple[tuple[str, str], ...]] = (
    ("/api/public/v1", "outdial_server.gateway.truedy"),
    ("/api", "outdial_server.gateway.ultravox"),
    ("/v1", "outdial_server.gateway.speechify"),
)
"""Prefix and module; the longer prefix first where one begins with another. A module has
`build(stands_on: Surroundings) -> ASGIApp`, and `api() -> FastAPI` for its OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a surface stands on."""

    rpcs: RpcTable
    authenticate: Authenticate
    clock: Clock
    ids: IdSource
    repeated: RepeatedRequests
    # Whether callers are held to the rates that the documented systems state.
    has_vendor_limits: bool


def dialects(stands_on: Surroundings) -> dict[str, ASGIApp]:
    """Applications by their prefixes."""
    return {prefix: LoadedOnFirstUse(module, stands_on) for prefix, module in DIALECTS}


class LoadedOnFirstUse:
    """A dialect's application. What it is made of takes a good part of a second to load, which
    a server that starts again has no time for."""

    def __init__(self, module: str, stands_on: Surroundings) -> None:
        self._module = module
        self._stands_on = stands_on
        self._loading: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        # A caller that goes away leaves the others the application.
        app = await asyncio.shield(self._loading)
        await app(scope, receive, send)

    def _load(self) -> ASGIApp:
        app: ASGIApp = import_module(self._module).build(self._stands_on)
        return app
