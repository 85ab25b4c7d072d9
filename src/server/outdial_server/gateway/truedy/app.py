"""The application of the dialect."""

from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from outdial_server.gateway.dialect import Dialect, behind_door, build_api
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.door import Limits
from outdial_server.gateway.rate_limits import ClockMinute, RateLimit
from outdial_server.gateway.replays import Replays
from outdial_server.gateway.truedy.agents import add_agents
from outdial_server.gateway.truedy.asked import PREFIX, Noting
from outdial_server.gateway.truedy.batch_calls import add_batch_calls
from outdial_server.gateway.truedy.batch_campaigns import add_batch_campaigns
from outdial_server.gateway.truedy.batch_contacts import add_batch_contacts
from outdial_server.gateway.truedy.calls import add_calls
from outdial_server.gateway.truedy.contact_import import add_contact_import
from outdial_server.gateway.truedy.contacts import add_contacts
from outdial_server.gateway.truedy.errors import VOICE, say_no_in
from outdial_server.gateway.truedy.folders import add_folders
from outdial_server.gateway.truedy.idempotency import REPLAYS
from outdial_server.gateway.truedy.numbers import add_numbers

_DOCUMENT: Final = f"{PREFIX}/openapi.json"
_REQUESTS_A_MINUTE: Final = 100


def _secret_of(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _limits() -> Limits:
    """An organisation's, by minutes of the clock."""
    return Limits(of_account=RateLimit(lambda: ClockMinute(_REQUESTS_A_MINUTE)))


DIALECT: Final = Dialect(
    title="Truedy API on Outdial",
    version="1.0.0",
    description="Batch calls, contacts, numbers, agents and calls at the documented paths.",
    voice=VOICE,
    secret_of=_secret_of,
    limits=_limits,
    open_paths=frozenset({_DOCUMENT}),
)


def api() -> FastAPI:
    made = build_api(DIALECT)
    say_no_in(made)
    add_batch_calls(made)
    add_batch_campaigns(made)
    add_batch_contacts(made)
    add_folders(made)
    add_contacts(made)
    add_contact_import(made)
    add_numbers(made)
    add_agents(made)
    add_calls(made)

    async def document(request: Request) -> Response:
        return JSONResponse(made.openapi())

    made.add_route(_DOCUMENT, document, include_in_schema=False)
    return made


def build(stands_on: Surroundings) -> ASGIApp:
    made = api()
    made.add_middleware(Replays, repeated=stands_on.repeated, rules=REPLAYS)
    return Noting(behind_door(made, DIALECT, stands_on), stands_on.clock, stands_on.ids)
