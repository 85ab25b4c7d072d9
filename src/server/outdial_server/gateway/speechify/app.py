"""The application for what lies below `/v1/`."""

from typing import Final

from fastapi import Depends, FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.types import ASGIApp

from outdial_server.gateway.dialect import Dialect, behind_door, build_api
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.door import Limits
from outdial_server.gateway.rate_limits import RateLimit, TokenBucket
from outdial_server.gateway.replays import ReplayRules, Replays
from outdial_server.gateway.speechify import (
    agents,
    batch_calls,
    conversations,
    outbound_calls,
    phone_numbers,
    webhook_endpoints,
)
from outdial_server.gateway.speechify.editions import edition_of
from outdial_server.gateway.speechify.errors import VOICE
from outdial_server.gateway.speechify.request_ids import RequestIds
from outdial_server.gateway.speechify.shapes import ErrorBody

ROUTES: Final = (
    batch_calls,
    phone_numbers,
    outbound_calls,
    conversations,
    # Behind all whose paths could be an agent's.
    agents,
    webhook_endpoints,
)

_PER_SECOND: Final = 20
_BURST: Final = 60
"""Of a paid plan, for each account."""

_KEY: Final = "Idempotency-Key"


def _secret_of(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


DIALECT: Final = Dialect(
    title="Speechify batch calls",
    version="2026-09-13",
    description="Batch calls as Speechify documents them, and what they need, served by Outdial. "
    "docs/parity.md says where the two differ.",
    voice=VOICE,
    secret_of=_secret_of,
    limits=lambda: Limits(of_account=RateLimit(lambda: TokenBucket(_PER_SECOND, _BURST))),
)


# The door has looked at it; this is for the OpenAPI document.
_BEARER: Final = Security(HTTPBearer(auto_error=False, description="A key of the account."))


def api() -> FastAPI:
    made = build_api(DIALECT)
    for routes in ROUTES:
        made.include_router(
            routes.router,
            dependencies=[Depends(edition_of), _BEARER],
            responses={"default": {"model": ErrorBody}},
        )
    return made


def build(stands_on: Surroundings) -> ASGIApp:
    made = api()
    made.add_middleware(Replays, repeated=stands_on.repeated, rules=_REPLAYS)
    return RequestIds(behind_door(made, DIALECT, stands_on), stands_on.ids)


def _key_of(request: Request) -> str:
    """A cancel may come again as it is."""
    is_taken = request.method == "POST" and not request.url.path.endswith("/cancel")
    return request.headers.get(_KEY, "") if is_taken else ""


_REPLAYS: Final = ReplayRules(
    surface="speechify",
    key_of=_key_of,
    key_name=_KEY,
    refuse=VOICE.refused,
    # 408, 429 and faults of the server are no last word.
    is_kept=lambda status: status < 500 and status not in (408, 429),
    mark={"Idempotent-Replayed": "true"},
)
