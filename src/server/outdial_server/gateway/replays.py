"""Requests that come again with a key of their sender's: carried out once, and answered with the
very same answer each time."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Final

import orjson
from google.rpc import code_pb2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outdial_server.commands.repeated_requests import RepeatedRequests
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, OutdialError, Reason
from outdial_server.domain.limits import IDEMPOTENCY_TTL
from outdial_server.domain.request import RequestKey, Standing, request_key
from outdial_server.gateway.door import caller_of
from outdial_server.gateway.kept_body import KeptBody
from outdial_server.gateway.refusal import Refusal

REQUEST_UNDER_WAY: Final = "REQUEST_UNDER_WAY"
"""The reason of a refusal: the first one of its key has no answer yet."""

_SORTED_MOST_BYTES: Final = 256 * 1024
"""Some milliseconds."""

_BOUNDARY: Final = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """How a documented system has it."""

    surface: str
    # Empty for a request that is carried out each time it comes.
    key_of: Callable[[Request], str]
    # The header's name, for faults of the key.
    key_name: str
    refuse: Callable[[Refusal], Response]
    # Of a status; any other answer leaves the key free.
    is_kept: Callable[[int], bool]
    # Headers of an answer that is given again.
    mark: Mapping[str, str] = field(default_factory=dict)
    # How long answers are given again.
    kept: timedelta = IDEMPOTENCY_TTL
    # Whether another body under the same key is another request, and no mistake. Equal JSON is
    # then the same body, in whatever order its names are.
    is_per_body: bool = False


class Replays:
    """An ASGI application in front of another, behind the door."""

    def __init__(self, app: ASGIApp, repeated: RepeatedRequests, rules: ReplayRules) -> None:
        self._app = app
        self._repeated = repeated
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        key = self._rules.key_of(request)
        if not key:
            await self._app(scope, receive, send)
            return
        with KeptBody(receive, _boundary(request)) as body:
            await self._replay(request, key, body, send)

    async def _replay(self, request: Request, key: str, body: KeptBody, send: Send) -> None:
        scope, receive = request.scope, request.receive
        try:
            await body.read()
            named = self._named(request, key, body)
            earlier = await self._repeated.begin(named)
        except HTTPException as error:
            await self._app(scope, _raising(error), send)
        except OutdialError as error:
            await self._rules.refuse(self._refusal(error))(scope, receive, send)
        else:
            if earlier is Standing.NEW:
                await self._carry_out(named, scope, body, send)
            elif earlier is Standing.UNDER_WAY:
                await self._rules.refuse(_UNDER_WAY)(scope, receive, send)
            else:
                await _again(earlier, self._rules.mark)(scope, receive, send)

    async def _carry_out(self, named: RequestKey, scope: Scope, body: KeptBody, send: Send) -> None:
        answer = _Answer(send)
        try:
            await self._app(scope, body.receive, answer.send)
        finally:
            # Also where it did not reach whoever asked: that is who asks again.
            if answer.is_whole and self._rules.is_kept(answer.status):
                await self._repeated.end(named, answer.text(), self._rules.kept)
            else:
                await self._repeated.drop(named)

    def _named(self, request: Request, key: str, body: KeptBody) -> RequestKey:
        digest = body.digest
        if self._rules.is_per_body:
            digest = _digest_of_json(body.if_short(_SORTED_MOST_BYTES)) or digest
            key = sha256(key.encode() + digest).hexdigest()
        surface = f"{self._rules.surface} {request.method} {request.url.path}"
        named = request_key(caller_of(request.scope).account_id, surface, key, digest)
        if named is None:
            raise TypeError("a key is not empty")
        return named

    def _refusal(self, error: OutdialError) -> Refusal:
        if isinstance(error, InvalidFieldsError):
            fields = [
                FieldViolation(self._rules.key_name, one.description) for one in error.violations
            ]
            return Refusal(
                code_pb2.INVALID_ARGUMENT, error.reason.value, error.message, tuple(fields)
            )
        is_reused = error.reason is Reason.REQUEST_ID_REUSED
        code = code_pb2.ALREADY_EXISTS if is_reused else code_pb2.UNAVAILABLE
        return Refusal(code, error.reason.value, error.message)


_UNDER_WAY: Final = Refusal(
    code_pb2.ABORTED, REQUEST_UNDER_WAY, "a request with this key is still under way"
)


def _boundary(request: Request) -> bytes:
    """Of a form; empty for none. Clients make a new one for each request."""
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    return b"" if found is None else found[1].encode()


def _digest_of_json(content: bytes | None) -> bytes | None:
    """None for what is none, and for bodies that would hold up everybody else."""
    if content is None:
        return None
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()


def _raising(error: HTTPException) -> Receive:
    """For the application to answer what the body has come to."""

    async def receive() -> Message:
        raise error

    return receive


class _Answer:
    """Noted on its way out."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self.is_whole = False
        self._send = send
        self._headers: list[tuple[str, str]] = []
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
        else:
            self._body += message.get("body", b"")
            self.is_whole = not message.get("more_body", False)
        await self._send(message)

    def text(self) -> str:
        told = [self.status, self._headers, b64encode(self._body).decode()]
        return orjson.dumps(told).decode()


def _again(text: str, mark: Mapping[str, str]) -> Response:
    status, headers, body = orjson.loads(text)
    return Response(b64decode(body), status, {**dict(headers), **mark})
