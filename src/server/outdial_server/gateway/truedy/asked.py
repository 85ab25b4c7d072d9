"""Which request is being answered: its id, its path, and when it came."""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from outdial_server.gateway.written_ids import noting_ids
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource

PREFIX: Final = "/api/public/v1"

_HEADER: Final = "x-request-id"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(frozen=True, slots=True)
class Asked:
    request_id: str
    path: str
    at: datetime


_ASKED: Final[ContextVar[Asked]] = ContextVar("truedy_asked")


def asked() -> Asked:
    """Of the present request."""
    return _ASKED.get()


class Noting:
    """In front of the door, whose refusals name the request, too."""

    def __init__(self, app: ASGIApp, clock: Clock, ids: IdSource) -> None:
        self._app = app
        self._clock = clock
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = Request(scope).headers.get(_HEADER, "")
        if not _REQUEST_ID.fullmatch(named):
            # The random part of a UUID.
            named = f"req_{self._ids.new_id().rpartition('-')[2]}"
        _ASKED.set(Asked(named, scope["path"], self._clock.now()))
        # So that the log's lines of its RPCs have the id that the answer tells.
        others = [pair for pair in scope["headers"] if pair[0] != _HEADER.encode()]
        scope = {**scope, "headers": [*others, (_HEADER.encode(), named.encode())]}
        with noting_ids():
            await self._app(scope, receive, send)
