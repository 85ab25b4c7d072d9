"""Batch calls: made, listed, read, cancelled."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from outdial.v1.agent_service_pb2 import GetAgentRequest, GetAgentResponse
from outdial.v1.batch_pb2 import Batch, BatchState, ConfigErrorPolicy
from outdial.v1.batch_service_pb2 import (
    CancelBatchRequest,
    CancelBatchResponse,
    CreateBatchRequest,
    CreateBatchResponse,
    GetBatchRequest,
    GetBatchResponse,
    ListBatchesRequest,
    ListBatchesResponse,
)
from outdial.v1.scheduled_call_service_pb2 import (
    ListScheduledCallsRequest,
    ListScheduledCallsResponse,
)
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.refusal import refusal_of
from outdial_server.gateway.speechify.answers import answer
from outdial_server.gateway.speechify.asked import Around, Asks, In, Key
from outdial_server.gateway.speechify.batch_shapes import (
    RINGING_TIMEOUT_NOTE,
    shown_batch,
    shown_recipient,
)
from outdial_server.gateway.speechify.editions import Names
from outdial_server.gateway.speechify.errors import VOICE, error
from outdial_server.gateway.speechify.ids import known_id
from outdial_server.gateway.speechify.moments import ring_timeout
from outdial_server.gateway.speechify.new_batch import read_new_batch
from outdial_server.gateway.speechify.paging import DEFAULT_LIMIT, Cursor, Limit, page_of
from outdial_server.gateway.speechify.recipients import fault
from outdial_server.gateway.speechify.shapes import (
    RECIPIENTS_MAX,
    BatchCall,
    BatchCallDetail,
    BatchCallList,
    NewBatchCall,
    NewRecipient,
    RecipientList,
)

PREFIXES: Final = ("/v1/agents/batch-calls", "/v1/batch-calls")
"""That of today, and that of the first pages."""

_AHEAD_MAX: Final = timedelta(days=30)

_ENDED: Final = frozenset(
    {
        BatchState.BATCH_STATE_COMPLETED,
        BatchState.BATCH_STATE_CANCELLED,
        BatchState.BATCH_STATE_FAILED,
    }
)


def _schema(kind: type[BaseModel]) -> dict[str, Any]:
    return kind.model_json_schema(ref_template="#/components/schemas/{model}")


def _new_batch_schema(*, is_form: bool) -> dict[str, Any]:
    people: dict[str, Any] = {"type": "string", "format": "binary"}
    if not is_form:
        people = {"type": "array", "items": _schema(NewRecipient)}
        people |= {"minItems": 1, "maxItems": RECIPIENTS_MAX}
    schema, name = _schema(NewBatchCall), "csv_file" if is_form else "recipients"
    schema["properties"][name] = people
    schema["required"].append(name)
    return schema


_BODY: Final[Mapping[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _new_batch_schema(is_form=False)},
            "multipart/form-data": {"schema": _new_batch_schema(is_form=True)},
        },
    }
}

router = APIRouter(tags=["Batch calls"])


async def create(
    request: Request, asks: Asks, around: Around, edition: In, key: Key = ""
) -> Response:
    """Makes a batch, which is dialled at once or at `scheduled_at`."""
    read = await read_new_batch(request)
    form = read.form
    _check_start(form.scheduled_at, around.clock.now())
    await _check_numbers(asks, form)
    read.request.add(CreateBatchRequest(batch=_batch(form), request_id=key))
    try:
        made = await asks.ask(read.request, CreateBatchResponse)
    except RpcRefusedError as refused:
        return VOICE.refused(read.said_of(refusal_of(refused.status)))
    return answer(shown_batch(made.batch, edition), 202)


async def list_all(
    asks: Asks, edition: In, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Response:
    """Newest first."""
    page = await asks.ask(
        ListBatchesRequest(page_size=limit, page_token=cursor), ListBatchesResponse
    )
    shown = [shown_batch(batch, edition) for batch in page.batches]
    return answer(page_of("batches", shown, page.next_page_token))


async def get(batch_call_id: str, asks: Asks, edition: In) -> Response:
    """A batch; in the older shape with its recipients, of whom `/recipients` has pages."""
    batch = await _batch_of(asks, batch_call_id)
    shown = shown_batch(batch, edition)
    if edition.names is Names.SECOND:
        return answer(shown)
    people = [
        shown_recipient(row, edition)
        async for page in _pages(asks, batch.batch_id)
        for row in page.scheduled_calls
    ]
    whole = {"batch": shown, "recipients": people}
    return answer(whole if edition.names is Names.FIRST else {**shown, **whole})


async def list_recipients(
    batch_call_id: str, asks: Asks, edition: In, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Response:
    """In the order of the list."""
    page = await asks.ask(
        ListScheduledCallsRequest(
            batch_id=known_id("batch", batch_call_id), page_size=limit, page_token=cursor
        ),
        ListScheduledCallsResponse,
    )
    shown = [shown_recipient(row, edition) for row in page.scheduled_calls]
    return answer(page_of("recipients", shown, page.next_page_token))


async def cancel(batch_call_id: str, asks: Asks, edition: In) -> Response:
    """Whom it spares is not called; calls that are placed come to their own end. What has ended
    stays as it is. In the first generation a batch that runs is not cancelled (409)."""
    batch = await _batch_of(asks, batch_call_id)
    shown = shown_batch(batch, edition)
    if batch.state in _ENDED:
        return answer(shown)
    if edition.is_first and shown["status"] == "running":
        return error(409, "conflict", "a batch that runs cannot be cancelled")
    try:
        cancelled = await asks.ask(CancelBatchRequest(batch_id=batch.batch_id), CancelBatchResponse)
    except RpcRefusedError:
        # It may have ended just now.
        batch = await _batch_of(asks, batch_call_id)
        if batch.state not in _ENDED:
            raise
        return answer(shown_batch(batch, edition))
    return answer(shown_batch(cancelled.batch, edition))


for _prefix in PREFIXES:
    _is_first = _prefix == PREFIXES[0]
    for _path, _verb, _handler, _model in (
        ("", "GET", list_all, BatchCallList),
        ("/{batch_call_id}", "GET", get, BatchCallDetail),
        ("/{batch_call_id}/recipients", "GET", list_recipients, RecipientList),
        ("/{batch_call_id}/cancel", "POST", cancel, BatchCall),
    ):
        router.add_api_route(
            f"{_prefix}{_path}",
            _handler,
            methods=[_verb],
            response_model=_model,
            deprecated=not _is_first or None,
        )
    router.add_api_route(
        _prefix,
        create,
        methods=["POST"],
        status_code=202,
        response_model=BatchCall,
        openapi_extra=dict(_BODY),
        deprecated=not _is_first or None,
    )


async def _batch_of(asks: Caller, batch_call_id: str) -> Batch:
    found = await asks.ask(
        GetBatchRequest(batch_id=known_id("batch", batch_call_id)), GetBatchResponse
    )
    return found.batch


async def _pages(asks: Caller, batch_id: str) -> AsyncIterator[ListScheduledCallsResponse]:
    """As many people as a batch of theirs can have; one of others may have more."""
    token, left = "", RECIPIENTS_MAX
    while left:
        page = await asks.ask(
            ListScheduledCallsRequest(
                batch_id=batch_id, page_size=min(200, left), page_token=token
            ),
            ListScheduledCallsResponse,
        )
        yield page
        left -= len(page.scheduled_calls)
        token = page.next_page_token
        if not token:
            return


def _check_start(scheduled_at: datetime | None, now: datetime) -> None:
    if scheduled_at is not None and scheduled_at > now + _AHEAD_MAX:
        raise RequestValidationError(
            [fault(("scheduled_at",), f"must be at most {_AHEAD_MAX.days} days ahead")]
        )


async def _check_numbers(asks: Caller, form: NewBatchCall) -> None:
    """A batch needs a number to call from, its own or its agent's."""
    found = await asks.ask(
        GetAgentRequest(agent_id=known_id("agent", form.agent_id)), GetAgentResponse
    )
    if form.phone_number_id is None and not found.agent.outbound_numbers:
        raise RequestValidationError(
            [fault(("phone_number_id",), "is required: no number is bound to the agent")]
        )


def _batch(form: NewBatchCall) -> Batch:
    batch = Batch(
        agent_id=known_id("agent", form.agent_id),
        display_name=form.name,
        # What no call of it could get past is said of the batch, not of each of its people.
        on_config_error=ConfigErrorPolicy.CONFIG_ERROR_POLICY_FAIL,
    )
    if form.phone_number_id is not None:
        batch.phone_numbers.append(known_id("phone", form.phone_number_id))
    if form.scheduled_at is not None:
        batch.window_start.FromDatetime(form.scheduled_at)
    if form.ringing_timeout_ms is not None:
        batch.ring_timeout.CopyFrom(ring_timeout(form.ringing_timeout_ms))
        batch.annotations[RINGING_TIMEOUT_NOTE] = form.ringing_timeout_ms
    return batch
