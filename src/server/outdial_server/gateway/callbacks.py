"""Carriers' callbacks: checked, stored, answered; acted on later."""

import hmac
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outdial_server.domain.errors import UnavailableError
from outdial_server.gateway.errors import error_response
from outdial_server.ports.callbacks import CallbackInbox
from outdial_server.ports.carrier import Carrier, RawCallback
from outdial_server.ports.telemetry import NO_TELEMETRY, CallbackOutcome, Telemetry

BODY_MOST_BYTES: Final = 64 * 1024
_RETRY_AFTER_SECONDS: Final = 2


class CallbackRoutes:
    """`/callbacks/{carrier}/{token}` and below. The token is unguessable and in the URL
    that the carrier was given; the signature is the carrier's own."""

    def __init__(
        self,
        token: str,
        carrier: Callable[[str], Carrier | None],
        inbox: CallbackInbox,
        on_stored: Callable[[], None],
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._token = token.encode()
        self._carrier = carrier
        self._inbox = inbox
        self._on_stored = on_stored
        self._telemetry = telemetry

    def routes(self) -> list[BaseRoute]:
        path = "/callbacks/{carrier}/{token}"
        return [
            Route(path, self._receive, methods=["POST"]),
            Route(path + "/{rest:path}", self._receive, methods=["POST"]),
        ]

    async def _receive(self, request: Request) -> Response:
        name: str = request.path_params["carrier"]
        carrier = self._carrier(name)
        known = hmac.compare_digest(request.path_params["token"].encode(), self._token)
        if carrier is None or not known:
            self._telemetry.callback_received(CallbackOutcome.UNADDRESSED)
            return error_response(404, "not_found", "there is nothing here")
        try:
            body = await _read(request)
        except ClientDisconnect:
            self._telemetry.callback_received(CallbackOutcome.UNREADABLE)
            # Nobody is there to read this; the carrier sends again.
            return error_response(400, "incomplete", "the body did not come whole")
        if body is None:
            self._telemetry.callback_received(CallbackOutcome.UNREADABLE)
            return _too_large()
        callback = RawCallback(
            carrier=name,
            path=request.path_params.get("rest", ""),
            query=request.url.query,
            headers={key.lower(): value for key, value in request.headers.items()},
            body=body,
        )
        if not carrier.verify_callback(callback):
            self._telemetry.callback_received(CallbackOutcome.FORGED)
            return error_response(403, "bad_signature", "the signature is not the carrier's")
        return await self._store(callback)

    async def _store(self, callback: RawCallback) -> Response:
        """Answered once it is durable; carriers send again what was not taken."""
        try:
            await self._inbox.store(callback)
        except UnavailableError as error:
            self._telemetry.callback_received(CallbackOutcome.POSTPONED)
            code = error.reason.value.lower()
            return error_response(503, code, error.message, _RETRY_AFTER_SECONDS)
        self._telemetry.callback_received(CallbackOutcome.STORED)
        self._on_stored()
        return Response(status_code=204)


def _too_large() -> Response:
    response = error_response(413, "payload_too_large", f"more than {BODY_MOST_BYTES} bytes")
    # Else the server would read the rest, to find the next request behind it.
    response.headers["connection"] = "close"
    return response


async def _read(request: Request) -> bytes | None:
    """The body, or None once it is too large: the rest is not read."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MOST_BYTES:
            return None
    return bytes(body)
