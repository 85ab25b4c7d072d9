"""Batch calls: made, read, changed and deleted."""

from typing import Annotated, Final

from fastapi import FastAPI, Query
from google.rpc import code_pb2
from outdial.v1 import batch_pb2, batch_service_pb2, contact_pb2
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.refusal import refusal_of
from outdial_server.gateway.truedy.batch_moves import check_change, states_for, wrong_status
from outdial_server.gateway.truedy.batch_reading import batch_call, figures, shown
from outdial_server.gateway.truedy.batch_shapes import (
    BatchCall,
    BatchCallAnalytics,
    BatchCallChange,
    BulkDelete,
    DeletedBatchCall,
    DeletedBatchCalls,
    NewBatchCall,
    NewBatchCallSettings,
)
from outdial_server.gateway.truedy.batch_writing import change_of, new_batch
from outdial_server.gateway.truedy.bodies import json_content, required_body, validated
from outdial_server.gateway.truedy.contact_lists import ContactList
from outdial_server.gateway.truedy.envelopes import Listed, One, listed, one
from outdial_server.gateway.truedy.errors import WrongStatusError
from outdial_server.gateway.truedy.idempotency import IdempotencyKey
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.outbound_numbers import (
    FirstNumbers,
    agent_of,
    carrier_of,
    chosen,
)
from outdial_server.gateway.truedy.paging import Limit, Offset, part_of
from outdial_server.gateway.truedy.routing import Asks, Routes
from outdial_server.gateway.truedy.statuses import BatchStatusFilter, batch_states

PATH: Final = "/batch-calls"
ONE: Final = f"{PATH}/{{batch_call_id}}"


async def list_batch_calls(
    asks: Asks,
    agent_id: str | None = None,
    status: Annotated[
        BatchStatusFilter | None, Query(description="`running` is the same as `active`.")
    ] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Response:
    """Newest first."""
    request = batch_service_pb2.ListBatchesRequest(
        agent_id=core_id(agent_id or ""), states=batch_states(status)
    )
    answer = batch_service_pb2.ListBatchesResponse
    batches, total = await part_of(asks, request, answer, "batches", limit, offset)
    numbers = FirstNumbers(asks)
    told = [shown(batch, await numbers.of(batch)) for batch in batches]
    return listed(told, total, limit, offset)


async def create_batch_call(request: Request, asks: Asks, key: IdempotencyKey = "") -> Response:
    """Makes a draft. All contacts that are named are copied into it, from the folder, by their
    ids and from the body; a phone number that comes twice is there once."""
    contacts = ContactList(batch_service_pb2.CreateBatchRequest)
    asked = validated(NewBatchCallSettings, await contacts.read(request))
    agent = await agent_of(asks, core_id(asked.agent_id))
    numbers = chosen(agent, asked.phone_number_ids or [])
    first = (numbers or [agent.outbound_numbers[0].phone_number_id])[0]
    head = batch_service_pb2.CreateBatchRequest(
        batch=new_batch(asked, numbers, await carrier_of(asks, first)),
        draft=True,
        contacts=_selection(asked),
    )
    contacts.request.add(head)
    made = await asks.ask(contacts.request, batch_service_pb2.CreateBatchResponse)
    return one(await batch_call(asks, made.batch), 201)


async def get_batch_call(batch_call_id: str, asks: Asks) -> Response:
    return one(await batch_call(asks, await batch_of(asks, batch_call_id)))


async def update_batch_call(batch_call_id: str, asked: BatchCallChange, asks: Asks) -> Response:
    """Contacts that are not finished get new times where the schedule changes."""
    batch = await batch_of(asks, batch_call_id)
    check_change(batch, asked)
    numbers = list[str]()
    if "phone_number_ids" in asked.model_fields_set:
        numbers = chosen(await agent_of(asks, batch.agent_id), asked.phone_number_ids or [])
    change = change_of(batch, asked, numbers)
    if change.update_mask.paths:
        batch = (await asks.ask(change, batch_service_pb2.UpdateBatchResponse)).batch
    return one(await batch_call(asks, batch))


async def delete_batch_call(batch_call_id: str, asks: Asks) -> Response:
    """With its contacts. One that is scheduled, active or paused is not deleted."""
    return one(DeletedBatchCall(id=await _delete(asks, batch_call_id)))


async def bulk_delete_batch_calls(asked: BulkDelete, asks: Asks) -> Response:
    """Those that cannot be deleted are told in `failed_ids`."""
    deleted, failed = list[str](), list[str]()
    for batch_call_id in asked.ids:
        try:
            await _delete(asks, batch_call_id)
            deleted.append(batch_call_id)
        except WrongStatusError:
            failed.append(batch_call_id)
        except RpcRefusedError as error:
            if error.status.code != code_pb2.NOT_FOUND:
                raise
            failed.append(batch_call_id)
    told = DeletedBatchCalls(
        deleted_count=len(deleted),
        failed_count=len(failed),
        deleted_ids=deleted,
        failed_ids=failed,
    )
    return one(told)


async def get_batch_call_analytics(batch_call_id: str, asks: Asks) -> Response:
    """An extension of Outdial: the figures of a batch call."""
    return one(figures(await batch_of(asks, batch_call_id)))


async def batch_of(asks: Caller, batch_call_id: str) -> batch_pb2.Batch:
    """Raises RpcRefusedError (BATCH_NOT_FOUND)."""
    request = batch_service_pb2.GetBatchRequest(batch_id=core_id(batch_call_id))
    return (await asks.ask(request, batch_service_pb2.GetBatchResponse)).batch


async def _delete(asks: Caller, batch_call_id: str) -> str:
    """Raises RpcRefusedError, WrongStatusError: of a draft that is started meanwhile, too."""
    batch_id = core_id(batch_call_id)
    request = batch_service_pb2.DeleteBatchRequest(batch_id=batch_id, states=states_for("delete"))
    try:
        await asks.ask(request, batch_service_pb2.DeleteBatchResponse)
    except RpcRefusedError as error:
        refusal = refusal_of(error.status)
        if refusal.reason != "BATCH_STATE":
            raise
        raise wrong_status("delete", refusal.metadata["state"]) from None
    return batch_id


def _selection(asked: NewBatchCallSettings) -> contact_pb2.ContactSelection | None:
    if asked.contact_source == "folder" and not asked.contact_folder_id:
        raise invalid_field("contact_folder_id", "is required for contact_source 'folder'")
    folders = [core_id(asked.contact_folder_id)] if asked.contact_folder_id else []
    people = [core_id(contact_id) for contact_id in asked.contact_ids or []]
    if not folders and not people:
        return None
    return contact_pb2.ContactSelection(contact_folder_ids=folders, contact_ids=people)


def add_batch_calls(api: FastAPI) -> None:
    routes = Routes(api, "Batch calls")
    body = required_body(json_content(NewBatchCall))
    routes.get(PATH, list_batch_calls, Listed[BatchCall])
    routes.post(PATH, create_batch_call, One[BatchCall], body=body)
    routes.post(f"{PATH}/bulk-delete", bulk_delete_batch_calls, One[DeletedBatchCalls], 200)
    routes.get(ONE, get_batch_call, One[BatchCall])
    routes.patch(ONE, update_batch_call, One[BatchCall])
    routes.delete(ONE, delete_batch_call, One[DeletedBatchCall])
    routes.get(f"{ONE}/analytics", get_batch_call_analytics, One[BatchCallAnalytics])
