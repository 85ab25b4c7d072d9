"""What a request goes through before its surface looks at it: the key, the vendor's rates where
they are asked for, and the bounds of its body."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final

from google.rpc import code_pb2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outdial_server.domain.account import Principal
from outdial_server.domain.errors import UnauthenticatedError
from outdial_server.domain.limits import REQUEST_MAX_BYTES
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.rate_limits import Excess, RateLimit
from outdial_server.gateway.refusal import Refusal

BODY_SILENCE_SECONDS: Final = 30
"""So long may nothing come of a body."""

RATE_LIMITED: Final = "RATE_LIMITED"
"""The reason of a refusal by a vendor's rate. Its metadata says `limit` and `room_at`."""

_CALLER: Final = "outdial.caller"
_SURROUNDINGS: Final = "outdial.surroundings"


@dataclass(frozen=True, slots=True)
class Limits:
    """The vendor's bounds, for each account and for each key."""

    of_account: RateLimit | None = None
    of_key: RateLimit | None = None


class Door:
    """An ASGI application in front of another."""

    def __init__(
        self,
        app: ASGIApp,
        stands_on: Surroundings,
        secret_of: Callable[[Request], str],
        refuse: Callable[[Refusal], Response],
        limits: Limits,
        open_paths: frozenset[str],
    ) -> None:
        self._app = app
        self._stands_on = stands_on
        self._secret_of = secret_of
        self._refuse = refuse
        self._limits = limits
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_SURROUNDINGS] = self._stands_on
        if scope["path"] not in self._open_paths:
            request = Request(scope)
            secret = self._secret_of(request)
            try:
                principal = await self._stands_on.authenticate.execute(secret)
            except UnauthenticatedError as error:
                refusal = Refusal(code_pb2.UNAUTHENTICATED, error.reason.value, error.message)
                await self._refuse(refusal)(scope, receive, send)
                return
            excess = self._excess(principal)
            if excess is not None:
                refusal = _refusal(excess, self._stands_on.clock.now())
                await self._refuse(refusal)(scope, receive, send)
                return
            request_id = request.headers.get("x-request-id", "")
            rpcs = self._stands_on.rpcs
            let_in(scope, Caller(rpcs, secret, principal.account_id, request_id))
        await self._app(scope, _bounded(scope, receive), send)

    def _excess(self, principal: Principal) -> Excess | None:
        now = self._stands_on.clock.now()
        for limit, key in (
            (self._limits.of_account, principal.account_id),
            (self._limits.of_key, principal.api_key_id),
        ):
            excess = limit.count(key, now) if limit is not None else None
            if excess is not None:
                return excess
        return None


def let_in(scope: Scope, caller: Caller) -> None:
    scope[_CALLER] = caller


def caller_of(scope: Scope) -> Caller:
    """Of a request that came through the door."""
    found: Caller = scope[_CALLER]
    return found


def surroundings_of(scope: Scope) -> Surroundings:
    found: Surroundings = scope[_SURROUNDINGS]
    return found


def _refusal(excess: Excess, now: datetime) -> Refusal:
    return Refusal(
        code_pb2.RESOURCE_EXHAUSTED,
        RATE_LIMITED,
        "too many requests",
        metadata={"limit": str(excess.limit), "room_at": excess.room_at.isoformat()},
        retry_after_seconds=max(1, ceil((excess.room_at - now).total_seconds())),
    )


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """The body, within its length and with no long silence. Raises HTTPException, before all
    of what is too long has come."""
    told = Request(scope).headers.get("content-length", "")
    size, is_whole = 0, False

    async def bounded() -> Message:
        nonlocal size, is_whole
        if is_whole:
            # Whoever listens now waits for the end of the connection.
            return await receive()
        if told.isascii() and told.isdigit() and int(told) > REQUEST_MAX_BYTES:
            raise _too_long()
        try:
            message = await asyncio.wait_for(receive(), BODY_SILENCE_SECONDS)
        except TimeoutError:
            raise HTTPException(408, "the body did not come whole") from None
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if size > REQUEST_MAX_BYTES:
            raise _too_long()
        return message

    return bounded


def _too_long() -> HTTPException:
    return HTTPException(413, f"the body is longer than {REQUEST_MAX_BYTES} bytes")
