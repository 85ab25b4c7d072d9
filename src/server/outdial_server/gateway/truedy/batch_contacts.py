"""The contacts of a batch call, and what became of them."""

from fastapi import FastAPI
from outdial.v1 import batch_pb2, batch_service_pb2, scheduled_call_service_pb2
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.truedy.batch_calls import ONE, batch_of
from outdial_server.gateway.truedy.batch_moves import check_status
from outdial_server.gateway.truedy.batch_reading import batch_contact
from outdial_server.gateway.truedy.batch_shapes import (
    AddedContacts,
    BatchContact,
    NewBatchContacts,
)
from outdial_server.gateway.truedy.bodies import json_content, required_body
from outdial_server.gateway.truedy.contact_lists import ContactList
from outdial_server.gateway.truedy.envelopes import Listed, One, listed, one
from outdial_server.gateway.truedy.paging import Limit, Offset, part_of
from outdial_server.gateway.truedy.routing import Asks, Routes
from outdial_server.gateway.truedy.statuses import ContactStatus, contact_states


async def list_batch_contacts(
    batch_call_id: str,
    asks: Asks,
    status: ContactStatus | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Response:
    """In the order of the list."""
    batch = await batch_of(asks, batch_call_id)
    is_draft = batch.state == batch_pb2.BATCH_STATE_DRAFT
    states = contact_states(status, is_draft=is_draft) if status else []
    if status and not states:
        return listed([], 0, limit, offset)
    request = scheduled_call_service_pb2.ListScheduledCallsRequest(
        batch_id=batch.batch_id, states=states
    )
    answer = scheduled_call_service_pb2.ListScheduledCallsResponse
    rows, total = await part_of(asks, request, answer, "scheduled_calls", limit, offset)
    return listed([batch_contact(row, is_draft=is_draft) for row in rows], total, limit, offset)


async def add_contacts(batch_call_id: str, request: Request, asks: Asks) -> Response:
    """To a draft. A phone number that is there already is left out, and counted as failed."""
    batch = await batch_of(asks, batch_call_id)
    check_status("add contacts to", batch)
    contacts = ContactList(batch_service_pb2.AddScheduledCallsRequest)
    await contacts.read(request)
    if not contacts.count:
        raise invalid_field("contacts", "must have at least one entry")
    head = batch_service_pb2.AddScheduledCallsRequest(batch_id=batch.batch_id)
    contacts.request.add(head)
    added = await asks.ask(contacts.request, batch_service_pb2.AddScheduledCallsResponse)
    # A batch that was made elsewhere may call each row, however often its number is there.
    skips = batch.duplicates == batch_pb2.DUPLICATE_POLICY_SKIP
    failed = added.duplicate_count if skips else 0
    return one(AddedContacts(added_count=contacts.count - failed, failed_count=failed), 201)


def add_batch_contacts(api: FastAPI) -> None:
    routes = Routes(api, "Batch calls")
    path = f"{ONE}/contacts"
    routes.get(path, list_batch_contacts, Listed[BatchContact])
    routes.post(
        path, add_contacts, One[AddedContacts], body=required_body(json_content(NewBatchContacts))
    )
