"""Call throttles."""

from typing import Annotated, Any, Final

from fastapi import APIRouter
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.throttle_pb2 import Throttle
from outdial.v1.throttle_service_pb2 import (
    CreateThrottleRequest,
    CreateThrottleResponse,
    DeleteThrottleRequest,
    DeleteThrottleResponse,
    GetThrottleRequest,
    GetThrottleResponse,
    ListThrottlesRequest,
    ListThrottlesResponse,
    UpdateThrottleRequest,
    UpdateThrottleResponse,
)
from pydantic import Field
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.answer import NO_CONTENT, answer, moment_or_none
from outdial_server.gateway.ultravox.documents import refusals
from outdial_server.gateway.ultravox.models import Plain
from outdial_server.gateway.ultravox.paging import ListOf, envelope, part_of
from outdial_server.gateway.ultravox.parts import Asks, Wanted

ROUTES: Final = APIRouter(tags=["Call throttles"], route_class=DialectRoute)

_THROTTLES: Final = "/api/call_throttles"
_THROTTLE: Final = "/api/call_throttles/{throttle_id}"

Name = Annotated[str, Field(min_length=1, max_length=64)]


class Rule(Plain):
    """At most so many calls in any window of this length; it slides."""

    max_calls: int = Field(ge=1, le=100)
    window_seconds: int = Field(ge=1, le=86_400)


Rules = Annotated[list[Rule], Field(min_length=1, max_length=10)]


class NewThrottle(Plain):
    name: Name
    rules: Rules


class ThrottlePatch(Plain):
    name: Name | None = None
    rules: Rules | None = None


class ShownThrottle(Plain):
    throttle_id: str
    name: str
    created: str
    rules: list[Rule]


class ThrottleList(ListOf):
    results: list[ShownThrottle]


async def named_throttle(asks: Caller, said: str) -> Throttle:
    """By its name or its id. Raises InvalidFieldsError for `throttle`."""
    request = ListThrottlesRequest(display_name=said, page_size=1)
    for found in (await asks.ask(request, ListThrottlesResponse)).throttles:
        return found
    try:
        return await _find(asks, said)
    except RpcRefusedError:
        raise invalid_field("throttle", "There is no such throttle.") from None


@ROUTES.get(
    _THROTTLES,
    operation_id="call_throttles_list",
    response_model=ThrottleList,
    responses=refusals(400, 404),
)
async def list_throttles(asks: Asks, wanted: Wanted) -> Response:
    """Oldest first."""
    throttles, total = await part_of(
        asks, ListThrottlesRequest(), ListThrottlesResponse, "throttles", wanted
    )
    return answer(envelope(wanted, list(map(_shown, throttles)), total))


@ROUTES.post(
    _THROTTLES,
    status_code=201,
    operation_id="call_throttles_create",
    response_model=ShownThrottle,
    responses=refusals(400),
)
async def create_throttle(body: NewThrottle, asks: Asks) -> Response:
    """A name belongs to one throttle of an account. All rules hold at once."""
    request = CreateThrottleRequest(throttle=_written(body.name, body.rules))
    made = await asks.ask(request, CreateThrottleResponse)
    return answer(_shown(made.throttle), 201)


@ROUTES.get(
    _THROTTLE,
    operation_id="call_throttles_retrieve",
    response_model=ShownThrottle,
    responses=refusals(404),
)
async def get_throttle(throttle_id: str, asks: Asks) -> Response:
    return answer(_shown(await _find(asks, throttle_id)))


@ROUTES.put(
    _THROTTLE,
    operation_id="call_throttles_update",
    response_model=ShownThrottle,
    responses=refusals(400, 404),
)
async def put_throttle(throttle_id: str, body: NewThrottle, asks: Asks) -> Response:
    return answer(_shown(await _change(asks, throttle_id, body.name, body.rules)))


@ROUTES.patch(
    _THROTTLE,
    operation_id="call_throttles_partial_update",
    response_model=ShownThrottle,
    responses=refusals(400, 404),
)
async def patch_throttle(throttle_id: str, body: ThrottlePatch, asks: Asks) -> Response:
    return answer(_shown(await _change(asks, throttle_id, body.name, body.rules)))


@ROUTES.delete(
    _THROTTLE,
    status_code=NO_CONTENT,
    operation_id="call_throttles_destroy",
    responses=refusals(400, 404),
)
async def delete_throttle(throttle_id: str, asks: Asks) -> Response:
    await asks.ask(DeleteThrottleRequest(throttle_id=throttle_id), DeleteThrottleResponse)
    return Response(status_code=NO_CONTENT)


async def _find(asks: Caller, throttle_id: str) -> Throttle:
    request = GetThrottleRequest(throttle_id=throttle_id)
    return (await asks.ask(request, GetThrottleResponse)).throttle


async def _change(
    asks: Caller, throttle_id: str, name: str | None, rules: list[Rule] | None
) -> Throttle:
    after = _written(name or "", rules or [])
    after.throttle_id = throttle_id
    named = {"display_name": name, "rules": rules}
    mask = [field for field, said in named.items() if said is not None]
    if not mask:
        return await _find(asks, throttle_id)
    request = UpdateThrottleRequest(throttle=after, update_mask=FieldMask(paths=mask))
    return (await asks.ask(request, UpdateThrottleResponse)).throttle


def _written(name: str, rules: list[Rule]) -> Throttle:
    throttle = Throttle(display_name=name)
    for rule in rules:
        throttle.rules.add(max_calls=rule.max_calls).window.seconds = rule.window_seconds
    return throttle


def _shown(throttle: Throttle) -> dict[str, Any]:
    return {
        "throttleId": throttle.throttle_id,
        "name": throttle.display_name,
        "created": moment_or_none(throttle, "create_time"),
        "rules": [
            {"maxCalls": rule.max_calls, "windowSeconds": rule.window.seconds}
            for rule in throttle.rules
        ],
    }
