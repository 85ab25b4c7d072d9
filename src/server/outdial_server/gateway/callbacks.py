"""Carriers' callbacks: checked, stored, answered; acted on later."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from outdial_server.domain.carrier_config import ANY_REVISION, config_ref
from outdial_server.domain.errors import UnavailableError
from outdial_server.gateway.errors import error_response
from outdial_server.ports.callbacks import TakeCallback
from outdial_server.ports.carrier import Carrier, FindCarrier, RawCallback
from outdial_server.ports.telemetry import NO_TELEMETRY, CallbackOutcome, Telemetry

CALLBACKS_PREFIX: Final = "/callbacks"
BODY_MOST_BYTES: Final = 64 * 1024
_RETRY_AFTER_SECONDS: Final = 2

_TAKEN: Final = Response(status_code=204)


@dataclass(frozen=True, slots=True)
class CallbackTokens:
    """The unguessable parts of callback URLs."""

    # For a carrier that has one account, the server's own.
    own: str
    # For each carrier config, by its id.
    of_config: Callable[[str], str]
    # Those of earlier master keys, for calls that were made under them.
    old: tuple["CallbackTokens", ...] = ()


@dataclass(frozen=True, slots=True)
class _Addressed:
    """Where in a carrier's callbacks one came to. `config` is empty for the server's own."""

    config: str
    token: str
    path: str


class CallbackRoutes:
    """`/callbacks/{carrier}/{token}` and `/callbacks/{carrier}/{carrier config}/{token}`, and
    below. The token is unguessable and in the URL that the carrier was given; the signature is
    the carrier's own.

    An ASGI application: a router and its requests cost a callback twice what is done with it
    here."""

    def __init__(
        self,
        tokens: CallbackTokens,
        find_carrier: FindCarrier,
        take: TakeCallback,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._tokens = tokens
        self._find_carrier = find_carrier
        self._take = take
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(scope, receive)
        except Exception:
            await error_response(500, "internal_error", "something went wrong")(
                scope, receive, send
            )
            # It is for the log.
            raise
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if scope["method"] != "POST":
            response = error_response(405, "method_not_allowed", "Method Not Allowed")
            response.headers["allow"] = "POST"
            return response
        try:
            return await self._judge(scope, receive)
        except UnavailableError as error:
            self._telemetry.callback_received(CallbackOutcome.POSTPONED)
            code = error.reason.value.lower()
            return error_response(503, code, error.message, _RETRY_AFTER_SECONDS)

    async def _judge(self, scope: Scope, receive: Receive) -> Response:
        path: str = scope["path"]
        name, _, rest = path.removeprefix(f"{CALLBACKS_PREFIX}/").partition("/")
        addressed = self._addressed(rest)
        carrier = None
        if addressed is not None:
            ref = config_ref(addressed.config, ANY_REVISION)
            carrier = await self._find_carrier(name, ref)
        if carrier is None or addressed is None:
            self._telemetry.callback_received(CallbackOutcome.UNADDRESSED)
            return error_response(404, "not_found", "there is nothing here")
        try:
            body = await _read(receive)
        except ClientDisconnect:
            self._telemetry.callback_received(CallbackOutcome.UNREADABLE)
            # Nobody is there to read this; the carrier sends again.
            return error_response(400, "incomplete", "the body did not come whole")
        if body is None:
            self._telemetry.callback_received(CallbackOutcome.UNREADABLE)
            return _too_large()
        callback = RawCallback(
            carrier=name,
            path=addressed.path,
            query=scope["query_string"].decode("latin-1"),
            headers={
                key.decode("latin-1").lower(): value.decode("latin-1")
                for key, value in scope["headers"]
            },
            body=body,
            carrier_config=addressed.config,
            token=addressed.token,
        )
        if not await self._is_own(carrier, callback):
            self._telemetry.callback_received(CallbackOutcome.FORGED)
            return error_response(403, "bad_signature", "the signature is not the carrier's")
        # Answered once it is durable; carriers send again what was not taken.
        await self._take(callback, carrier)
        self._telemetry.callback_received(CallbackOutcome.STORED)
        answer = carrier.answer_callback(callback)
        if answer is None:
            return _TAKEN
        return Response(answer.body, media_type=answer.content_type)

    def _addressed(self, rest: str) -> _Addressed | None:
        """None without the right token."""
        first, _, behind = rest.partition("/")
        token, _, path = behind.partition("/")
        for tokens in (self._tokens, *self._tokens.old):
            if _same(first, tokens.own):
                return _Addressed("", first, behind)
            if _same(token, tokens.of_config(first)):
                return _Addressed(first, token, path)
        return None

    async def _is_own(self, carrier: Carrier, callback: RawCallback) -> bool:
        if carrier.verify_callback(callback):
            return True
        config = config_ref(callback.carrier_config)
        if config is None:
            return False
        # Another server may just have given the config other credentials.
        newest = await self._find_carrier(callback.carrier, config)
        return newest is not None and newest is not carrier and newest.verify_callback(callback)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _too_large() -> Response:
    response = error_response(413, "payload_too_large", f"more than {BODY_MOST_BYTES} bytes")
    # Else the server would read the rest, to find the next request behind it.
    response.headers["connection"] = "close"
    return response


async def _read(receive: Receive) -> bytes | None:
    """The body, or None once it is too large: the rest is not read. Raises ClientDisconnect."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > BODY_MOST_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)
