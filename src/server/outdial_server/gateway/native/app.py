"""The native REST surface: every RPC that the contract binds to HTTP, through the RPC itself."""

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import orjson
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from outdial_server.domain.limits import IMPORT_FILE_MAX_BYTES, REQUEST_MAX_BYTES
from outdial_server.gateway.asking import Rpc, RpcContext, RpcRefusedError
from outdial_server.gateway.body import Body
from outdial_server.gateway.encoding import to_json
from outdial_server.gateway.native.errors import error_object, http_status
from outdial_server.gateway.native.request import read_long_request, read_request
from outdial_server.gateway.native.routes import Match, Router, routes_of
from outdial_server.gateway.native.streams import (
    StreamForm,
    StreamOut,
    form_for,
    while_connected,
)
from outdial_server.gateway.refusal import retry_after_seconds

PREFIX: Final = "/outdial/v1"

_JSON: Final = "application/json"
_PASSED_ON: Final = ("x-api-key", "authorization", "x-request-id")


class NativeApp:
    """An ASGI application for what lies below `PREFIX`."""

    def __init__(self, rpcs: Iterable[Rpc]) -> None:
        self._rpcs: Mapping[str, Rpc] = {rpc.descriptor.full_name: rpc for rpc in rpcs}
        bound = (routes_of(rpc.descriptor) for rpc in self._rpcs.values())
        self._router = Router(route for routes in bound for route in routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path: str = scope["path"]
        match = self._router.find(request.method, path)
        if match is None:
            response = _nothing_here(request.method, self._router.verbs(path))
            await response(scope, receive, send)
            return
        exchange = _Exchange(request, match, self._rpcs[match.route.rpc.full_name])
        form = form_for(match.route.rpc, request.headers.get("accept", ""))
        if form is None:
            await (await exchange.answer())(scope, receive, send)
        else:
            await exchange.stream(form, send)


if TYPE_CHECKING:
    from outdial_server.gateway.native.files import CsvOut


class _Exchange:
    """One request and its answer. Files are read and written by the client's code, which is
    loaded when the first one comes: a start does without it."""

    def __init__(self, request: Request, match: Match, rpc: Rpc) -> None:
        self._request = request
        self._match = match
        self._rpc = rpc
        is_file = rpc.descriptor.client_streaming
        self._body = Body(request, IMPORT_FILE_MAX_BYTES if is_file else REQUEST_MAX_BYTES)
        self._if_match: str = request.headers.get("if-match", "")

    async def answer(self) -> Response:
        context = RpcContext(self._metadata())
        try:
            message = await self._told(context)
        except RpcRefusedError as refused:
            response = self._refusal(refused.status)
        else:
            response = Response(to_json(message), media_type=_JSON)
            etag = _etag_of(message)
            if etag:
                response.headers["etag"] = etag
        response.headers.update(context.trailer)
        return response

    async def _told(self, context: RpcContext) -> Message:
        if not self._rpc.descriptor.client_streaming:
            return await self._rpc.ask(self._read, context)
        from outdial_server.gateway.native.files import import_messages  # noqa: PLC0415

        pieces = self._body.pieces()
        async with aclosing(import_messages(self._match, self._request.url.query, pieces)) as sent:
            return await self._rpc.gather(sent, context)

    async def stream(self, form: StreamForm, send: Send) -> None:
        headers: dict[str, str] = {}
        if form is StreamForm.TABLE:
            from outdial_server.gateway.native.files import csv_out  # noqa: PLC0415

            with csv_out(headers, send) as table:
                await self._stream_to(table, headers, send)
        else:
            await self._stream_to(StreamOut(form, headers, send), headers, send)

    async def _stream_to(
        self, out: "StreamOut | CsvOut", headers: dict[str, str], send: Send
    ) -> None:
        context = RpcContext(self._metadata(), out.write, headers)
        request = self._request
        try:
            await while_connected(request.receive, self._rpc.stream(self._read, context))
        except RpcRefusedError as refused:
            if isinstance(out, StreamOut) and out.has_begun:
                await out.fail(error_object(refused.status, http_status(refused.status)))
                return
            response = self._refusal(refused.status)
            response.headers.update(context.trailer)
            await response(request.scope, request.receive, send)
        else:
            await out.end()

    async def _read(self) -> Message | bytes:
        query = self._request.url.query
        if self._rpc.long_field:
            pieces, field = self._body.pieces(), self._rpc.long_field
            return await read_long_request(self._match, query, pieces, self._if_match, field)
        if self._match.route.body:
            content = await self._body.read()
        else:
            self._body.check_empty()
            content = b""
        return read_request(
            self._match,
            query,
            content,
            self._if_match,
            self._request.headers.get("last-event-id", ""),
        )

    def _metadata(self) -> list[tuple[str, str]]:
        headers = self._request.headers
        return [(name, headers[name]) for name in _PASSED_ON if name in headers]

    def _refusal(self, status: Status) -> Response:
        http = http_status(status, has_precondition=bool(self._if_match))
        return _refusal(status, 413 if self._body.is_too_large else http)


def _nothing_here(verb: str, verbs: list[str]) -> Response:
    if not verbs:
        return _refusal(Status(code=code_pb2.NOT_FOUND, message="there is nothing here"), 404)
    words = f"{verb} is not for this path, but {' and '.join(verbs)}"
    response = _refusal(Status(code=code_pb2.UNIMPLEMENTED, message=words), 405)
    response.headers["allow"] = ", ".join(verbs)
    return response


def _refusal(status: Status, http: int) -> Response:
    response = Response(orjson.dumps(error_object(status, http)), http, media_type=_JSON)
    seconds = retry_after_seconds(status)
    if seconds is not None:
        response.headers["retry-after"] = str(seconds)
    if http == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _etag_of(message: Message) -> str:
    """Of the one resource that an answer holds."""
    fields = message.ListFields()
    held = fields[0][1] if len(fields) == 1 else None
    return str(getattr(held, "etag", "")) if isinstance(held, Message) else ""
