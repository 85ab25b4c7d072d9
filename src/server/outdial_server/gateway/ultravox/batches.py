"""Scheduled batches: the seven operations."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    AddScheduledCallsRequest,
    CreateBatchRequest,
    CreateBatchResponse,
    DeleteBatchRequest,
    DeleteBatchResponse,
    GetBatchRequest,
    GetBatchResponse,
    ListBatchesRequest,
    ListBatchesResponse,
)
from outdial.v1.call_service_pb2 import ListCallsRequest, ListCallsResponse
from outdial.v1.scheduled_call_service_pb2 import (
    ListScheduledCallsRequest,
    ListScheduledCallsResponse,
)
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.agents import find_agent
from outdial_server.gateway.ultravox.answer import NO_CONTENT, answer
from outdial_server.gateway.ultravox.batch_body import (
    BatchPatch,
    NewBatch,
    check_webhook,
    read_batch,
)
from outdial_server.gateway.ultravox.batch_changes import change_batch
from outdial_server.gateway.ultravox.batch_shapes import (
    BatchList,
    ShownBatch,
    batch_object,
    new_batch,
)
from outdial_server.gateway.ultravox.call_shapes import CallList, call_object
from outdial_server.gateway.ultravox.carriers import read_ways, way_of_batch
from outdial_server.gateway.ultravox.documents import body_of, refusals
from outdial_server.gateway.ultravox.paging import envelope, part_of
from outdial_server.gateway.ultravox.parts import Asks, Stands, Wanted
from outdial_server.gateway.ultravox.scheduled_calls import (
    Entries,
    ScheduledCallList,
    carrier_shown,
    scheduled_call,
)
from outdial_server.gateway.ultravox.statuses import SHOWN, STATUSES, Status
from outdial_server.gateway.ultravox.templates import template_of
from outdial_server.gateway.ultravox.throttles import named_throttle

ROUTES: Final = APIRouter(tags=["Scheduled batches"], route_class=DialectRoute)

_BATCHES: Final = "/api/agents/{agent_id}/scheduled_batches"
_BATCH: Final = _BATCHES + "/{batch_id}"

SECRET_CHARS: Final = 32


@ROUTES.get(
    _BATCHES,
    operation_id="agents_scheduled_batches_list",
    response_model=BatchList,
    responses=refusals(404),
)
async def list_batches(agent_id: str, asks: Asks, wanted: Wanted) -> Response:
    """Newest first."""
    agent = await find_agent(asks, agent_id)
    request = ListBatchesRequest(agent_id=agent.agent_id, show_webhook_secrets=True)
    batches, total = await part_of(asks, request, ListBatchesResponse, "batches", wanted)
    return answer(envelope(wanted, list(map(batch_object, batches)), total))


@ROUTES.post(
    _BATCHES,
    status_code=201,
    operation_id="agents_scheduled_batches_create",
    response_model=ShownBatch,
    responses=refusals(400, 404, 413),
    openapi_extra=body_of(NewBatch),
)
async def create_batch(agent_id: str, request: Request, asks: Asks, stands_on: Stands) -> Response:
    """The body may have 32 MiB, and up to 100,000 calls; it is read as it comes in."""
    agent = await find_agent(asks, agent_id)
    template = template_of(agent)
    ways, tag = await read_ways(asks), stands_on.ids.new_secret(8).lower()
    entries = Entries(CreateBatchRequest, template.medium, tag, ways.configs)
    body = await read_batch(request, entries, needs_calls=True)
    check_webhook(body.fields.webhook_url, entries.first_for_webhook)
    said = body.fields.throttle
    throttle = None if said is None else await named_throttle(asks, said)
    way = await way_of_batch(asks, ways, entries.carriers)
    batch = new_batch(agent, body, entries, way, throttle, template)
    if batch.webhook_url and not batch.webhook_secret:
        batch.webhook_secret = stands_on.ids.new_secret(SECRET_CHARS)
    head = CreateBatchRequest(batch=batch, draft=bool(body.fields.paused))
    made = (await asks.ask(entries.request.headed(head), CreateBatchResponse)).batch
    made.webhook_secret = batch.webhook_secret
    return answer(batch_object(made), 201)


@ROUTES.get(
    _BATCH,
    operation_id="agents_scheduled_batches_retrieve",
    response_model=ShownBatch,
    responses=refusals(404),
)
async def get_batch(agent_id: str, batch_id: str, asks: Asks) -> Response:
    return answer(batch_object(await _find(asks, agent_id, batch_id)))


@ROUTES.patch(
    _BATCH,
    operation_id="agents_scheduled_batches_partial_update",
    response_model=ShownBatch,
    responses=refusals(400, 404, 413),
    openapi_extra=body_of(BatchPatch, is_required=False),
)
async def patch_batch(
    agent_id: str, batch_id: str, request: Request, asks: Asks, stands_on: Stands
) -> Response:
    """`calls` take the place of those that are still FUTURE. A batch that was paused is not
    resumed."""
    batch = await _find(asks, agent_id, batch_id)
    template = template_of(await find_agent(asks, agent_id))
    tag = stands_on.ids.new_secret(8).lower()
    ways, carrier = await read_ways(asks), carrier_shown(batch)
    entries = Entries(AddScheduledCallsRequest, template.medium, tag, ways.configs, carrier)
    body = await read_batch(request, entries, needs_calls=False)
    ways.check({name: at for name, at in entries.carriers.items() if name != carrier})
    await change_batch(asks, batch, body, stands_on.ids.new_secret(SECRET_CHARS))
    return answer(batch_object(await _find(asks, agent_id, batch_id)))


@ROUTES.delete(
    _BATCH,
    status_code=NO_CONTENT,
    operation_id="agents_scheduled_batches_destroy",
    responses=refusals(404),
)
async def delete_batch(agent_id: str, batch_id: str, asks: Asks) -> Response:
    """Nobody who waits is called. Calls that were made stay, and stay to be read."""
    batch = await _find(asks, agent_id, batch_id)
    await asks.ask(DeleteBatchRequest(batch_id=batch.batch_id), DeleteBatchResponse)
    return Response(status_code=NO_CONTENT)


@ROUTES.get(
    _BATCH + "/scheduled_calls",
    operation_id="agents_scheduled_batches_scheduled_calls_list",
    response_model=ScheduledCallList,
    responses=refusals(400, 404),
)
async def list_scheduled_calls(
    agent_id: str,
    batch_id: str,
    asks: Asks,
    wanted: Wanted,
    status: Annotated[Status | None, Query()] = None,
) -> Response:
    """In the order of the list."""
    batch = await _find(asks, agent_id, batch_id)
    request = ListScheduledCallsRequest(batch_id=batch.batch_id)
    if status is not None:
        meaning = STATUSES[status]
        request.states.extend(meaning.states)
        request.dispatch_outcomes.extend(meaning.outcomes)
    elif batch.counts.cancelled:
        request.states.extend(SHOWN)
    rows, total = await part_of(
        asks, request, ListScheduledCallsResponse, "scheduled_calls", wanted
    )
    return answer(envelope(wanted, [scheduled_call(row, batch) for row in rows], total))


@ROUTES.get(
    _BATCH + "/created_calls",
    operation_id="agents_scheduled_batches_created_calls_list",
    response_model=CallList,
    responses=refusals(404),
)
async def list_created_calls(agent_id: str, batch_id: str, asks: Asks, wanted: Wanted) -> Response:
    """Newest first."""
    batch = await _find(asks, agent_id, batch_id)
    request = ListCallsRequest(batch_id=batch.batch_id, show_details=True)
    calls, total = await part_of(asks, request, ListCallsResponse, "calls", wanted)
    return answer(envelope(wanted, list(map(call_object, calls)), total))


async def _find(asks: Caller, agent_id: str, batch_id: str) -> Batch:
    """One of another agent is not found."""
    request = GetBatchRequest(batch_id=batch_id, show_webhook_secret=True)
    found = (await asks.ask(request, GetBatchResponse)).batch
    if found.agent_id != agent_id.lower():
        raise HTTPException(404)
    return found
