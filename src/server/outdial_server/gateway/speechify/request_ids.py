"""Each answer says which request it is to, so that both sides can speak of it."""

import re
from contextvars import ContextVar
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outdial_server.gateway.written_ids import noting_ids
from outdial_server.ports.identity import IdSource

_SAID_BY_CALLER: Final = "x-request-id"
_HEADERS: Final = ("X-Request-ID", "Speechify-Request-Id")
"""Of older and of newer pages."""

_UNCLEAN: Final = re.compile(r"[^A-Za-z0-9._:/+=@-]")
_MAX_CHARS: Final = 128

_current: ContextVar[str] = ContextVar("speechify_request_id")


def current_request_id() -> str:
    return _current.get()


class RequestIds:
    """An ASGI application in front of another: what lies behind sees the id that is answered."""

    def __init__(self, app: ASGIApp, ids: IdSource) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = Headers(scope=scope).get(_SAID_BY_CALLER, "")
        request_id = _UNCLEAN.sub("", said)[:_MAX_CHARS] or self._ids.new_id()
        others = [pair for pair in scope["headers"] if pair[0] != _SAID_BY_CALLER.encode()]
        passed_on = (_SAID_BY_CALLER.encode(), request_id.encode())
        token = _current.set(request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in _HEADERS:
                    headers[name] = request_id
            await send(message)

        try:
            with noting_ids():
                await self._app({**scope, "headers": [*others, passed_on]}, receive, send_with_id)
        finally:
            _current.reset(token)
