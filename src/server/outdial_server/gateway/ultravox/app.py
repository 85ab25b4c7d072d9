"""The application."""

from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp

from outdial_server.gateway.dialect import Dialect, behind_door, build_api
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.door import Limits
from outdial_server.gateway.rate_limits import RateLimit, TokenBucket
from outdial_server.gateway.ultravox import (
    account,
    agents,
    batches,
    calls,
    document,
    telephony_configs,
    throttles,
    webhooks,
)
from outdial_server.gateway.ultravox.voice import UltravoxVoice

_PER_ACCOUNT: Final = 500
_PER_KEY: Final = 200
"""Requests a second."""


def _secret_of(request: Request) -> str:
    headers = request.headers
    return headers.get("x-api-key") or headers.get("x-unsafe-api-key") or ""


def _limits() -> Limits:
    return Limits(
        of_account=RateLimit(lambda: TokenBucket(_PER_ACCOUNT, _PER_ACCOUNT)),
        of_key=RateLimit(lambda: TokenBucket(_PER_KEY, _PER_KEY)),
    )


DIALECT: Final = Dialect(
    title="Ultravox",
    version="0.1.0",
    description="Ultravox's outbound call scheduler, and what it needs, as Outdial speaks it.",
    voice=UltravoxVoice(),
    secret_of=_secret_of,
    limits=_limits,
    open_paths=frozenset({document.PATH}),
)


def api() -> FastAPI:
    built = build_api(DIALECT)
    for noun in (batches, agents, calls, throttles, webhooks, telephony_configs, account):
        built.include_router(noun.ROUTES)
    document.show(built)
    return built


def build(stands_on: Surroundings) -> ASGIApp:
    return behind_door(api(), DIALECT, stands_on)
