"""Contacts: people who are kept to be called from more than one batch call."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import contact_pb2, contact_service_pb2, scheduled_call_pb2
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.encoding import to_object
from outdial_server.gateway.truedy.batch_reading import moment_of, time_of
from outdial_server.gateway.truedy.contact_shapes import (
    CallOutcome,
    Contact,
    ContactChange,
    ContactFields,
    Deleted,
    NewContact,
)
from outdial_server.gateway.truedy.envelopes import One, Paged, one, paged
from outdial_server.gateway.truedy.folders import default_folder
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.paging import Limit, PageNumber, part_of
from outdial_server.gateway.truedy.routing import Asks, Routes

PATH: Final = "/contacts"
ONE: Final = f"{PATH}/{{contact_id}}"

_OUTCOMES: Final[Mapping[scheduled_call_pb2.Disposition.ValueType, CallOutcome]] = {
    scheduled_call_pb2.DISPOSITION_ANSWERED_HUMAN: "contacted",
    scheduled_call_pb2.DISPOSITION_ANSWERED_MACHINE: "voicemail",
    scheduled_call_pb2.DISPOSITION_NO_ANSWER: "no_answer",
    scheduled_call_pb2.DISPOSITION_BUSY: "no_answer",
    scheduled_call_pb2.DISPOSITION_REJECTED: "no_answer",
}
"""What was meant by what was said, nobody here knows."""

_PLAIN: Final = {
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "company_name": "company_name",
    "industry": "industry",
    "location": "location",
    "pin_code": "postal_code",
}
"""Fields, and what they are in the core."""

_OWN: Final = frozenset({"metadata", "custom_fields"})


async def list_contacts(
    asks: Asks,
    folder_id: str | None = None,
    search: Annotated[
        str | None, Query(max_length=200, description="In name, phone, email")
    ] = None,
    last_call_outcome: CallOutcome | None = None,
    page: PageNumber = 1,
    limit: Limit = 50,
) -> Response:
    """Oldest first."""
    ends = [end for end, told in _OUTCOMES.items() if told == last_call_outcome]
    if last_call_outcome and not ends:
        return paged([], 0, page, limit)
    request = contact_service_pb2.ListContactsRequest(
        contact_folder_id=core_id(folder_id or ""), search=search or "", last_dispositions=ends
    )
    answer = contact_service_pb2.ListContactsResponse
    found, total = await part_of(asks, request, answer, "contacts", limit, (page - 1) * limit)
    return paged([shown(contact) for contact in found], total, page, limit)


async def create_contact(asked: NewContact, asks: Asks) -> Response:
    contact = contact_pb2.Contact(address=asked.phone_number)
    write(contact, asked)
    contact.contact_folder_id = (
        core_id(asked.folder_id)
        if asked.folder_id
        else (await default_folder(asks)).contact_folder_id
    )
    request = contact_service_pb2.CreateContactRequest(contact=contact)
    made = await asks.ask(request, contact_service_pb2.CreateContactResponse)
    return one(shown(made.contact), 201)


async def get_contact(contact_id: str, asks: Asks) -> Response:
    request = contact_service_pb2.GetContactRequest(contact_id=core_id(contact_id))
    found = await asks.ask(request, contact_service_pb2.GetContactResponse)
    return one(shown(found.contact))


async def update_contact(contact_id: str, asked: ContactChange, asks: Asks) -> Response:
    """Changes what is said; null takes it away. Batch calls keep their copies."""
    if "folder_id" in (asked.model_extra or {}):
        raise invalid_field("folder_id", "cannot be changed")
    contact = contact_pb2.Contact(contact_id=core_id(contact_id), address=asked.phone_number)
    write(contact, asked)
    paths = _written(asked)
    if not paths:
        return await get_contact(contact_id, asks)
    request = contact_service_pb2.UpdateContactRequest(
        contact=contact, update_mask=FieldMask(paths=paths)
    )
    changed = await asks.ask(request, contact_service_pb2.UpdateContactResponse)
    return one(shown(changed.contact))


async def delete_contact(contact_id: str, asks: Asks) -> Response:
    request = contact_service_pb2.DeleteContactRequest(contact_id=core_id(contact_id))
    await asks.ask(request, contact_service_pb2.DeleteContactResponse)
    return one(Deleted(id=contact_id))


def write(contact: contact_pb2.Contact, asked: ContactFields) -> None:
    """Raises InvalidFieldsError for what no message can hold."""
    for name, core_name in _PLAIN.items():
        setattr(contact, core_name, getattr(asked, name) or "")
    contact.keywords.extend(_keywords(asked.keywords))
    try:
        contact.custom_fields.update((asked.metadata or {}) | (asked.custom_fields or {}))
    except (ValueError, OverflowError):
        raise invalid_field("custom_fields", "holds what cannot be kept") from None


def _written(asked: ContactChange) -> list[str]:
    said = asked.model_fields_set
    paths = [core_name for name, core_name in _PLAIN.items() if name in said]
    paths += ["keywords"] if "keywords" in said else []
    paths += ["address"] if "phone_number" in said else []
    return paths + (["custom_fields"] if said & _OWN else [])


def _keywords(told: str | Sequence[str] | None) -> list[str]:
    words = told.split(",") if isinstance(told, str) else told or []
    return [word.strip() for word in words if word.strip()]


def shown(contact: contact_pb2.Contact) -> Contact:
    own: dict[str, Any] = to_object(contact.custom_fields)
    return Contact(
        id=contact.contact_id,
        name=f"{contact.first_name} {contact.last_name}".strip() or None,
        phone=contact.address,
        phone_number=contact.address,
        folder_id=contact.contact_folder_id,
        **{name: getattr(contact, core_name) or None for name, core_name in _PLAIN.items()},
        keywords=list(contact.keywords),
        metadata=own,
        custom_fields=own,
        call_count=contact.call_count,
        last_called_at=time_of(contact, "last_call_time"),
        last_call_outcome=_OUTCOMES.get(contact.last_disposition),
        created_at=moment_of(contact.create_time),
        updated_at=moment_of(contact.update_time),
    )


def add_contacts(api: FastAPI) -> None:
    routes = Routes(api, "Contacts")
    routes.get(PATH, list_contacts, Paged[Contact])
    routes.post(PATH, create_contact, One[Contact])
    routes.get(ONE, get_contact, One[Contact])
    routes.patch(ONE, update_contact, One[Contact])
    routes.delete(ONE, delete_contact, One[Deleted])
