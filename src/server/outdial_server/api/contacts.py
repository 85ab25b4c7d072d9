"""ContactService."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from outdial.v1 import contact_service_pb2 as pb
from outdial.v1.contact_service_pb2_grpc import ContactServiceServicer
from outdial.v1.import_pb2 import ContactImportOptions
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.contact import (
    contact_change,
    contact_fields,
    contact_to_message,
    folder_to_message,
)
from outdial_server.api.conversion.enums import DISPOSITION
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.imports import (
    contact_import_spec,
    import_to_message,
    numbered_contact,
)
from outdial_server.api.conversion.request import (
    counted_page_of,
    filter_text,
    take_growing_request,
    take_request_key,
)
from outdial_server.api.import_stream import ImportStream
from outdial_server.commands.contacts import CreateContact, UpdateContact
from outdial_server.commands.import_contacts import ImportContacts
from outdial_server.domain.contact import search_words
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import ContactFolderId, ContactId
from outdial_server.domain.limits import CONTACT_SEARCH_MAX_CHARS
from outdial_server.ports.contacts import ContactFilter, ContactStore


@dataclass(frozen=True)
class ContactServicer(ContactServiceServicer):
    contacts: ContactStore
    create: CreateContact
    update: UpdateContact
    import_rows: ImportContacts
    import_silence_seconds: float

    @override
    async def CreateContact(
        self, request: pb.CreateContactRequest, context: object
    ) -> pb.CreateContactResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        made = await self.create.execute(
            account_id,
            ContactFolderId(canonical(request.contact.contact_folder_id)),
            contact_fields(request.contact),
            key,
        )
        return pb.CreateContactResponse(contact=contact_to_message(made))

    @override
    async def GetContact(
        self, request: pb.GetContactRequest, context: object
    ) -> pb.GetContactResponse:
        found = await self.contacts.get_contact(
            caller().account_id, _contact_id(request.contact_id)
        )
        return pb.GetContactResponse(contact=contact_to_message(found))

    @override
    async def ListContacts(
        self, request: pb.ListContactsRequest, context: object
    ) -> pb.ListContactsResponse:
        page = await self.contacts.list_contacts(
            caller().account_id, counted_page_of(request), _filter(request)
        )
        return pb.ListContactsResponse(
            contacts=map(contact_to_message, page.items),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def UpdateContact(
        self, request: pb.UpdateContactRequest, context: object
    ) -> pb.UpdateContactResponse:
        changed = await self.update.execute(
            caller().account_id,
            _contact_id(request.contact.contact_id, "contact.contact_id"),
            contact_change(request.contact, request.update_mask),
            request.contact.etag,
        )
        return pb.UpdateContactResponse(contact=contact_to_message(changed))

    @override
    async def DeleteContact(
        self, request: pb.DeleteContactRequest, context: object
    ) -> pb.DeleteContactResponse:
        await self.contacts.delete_contact(caller().account_id, _contact_id(request.contact_id))
        return pb.DeleteContactResponse()

    @override
    async def ImportContacts(
        self, request_iterator: AsyncIterator[pb.ImportContactsRequest], context: object
    ) -> pb.ImportContactsResponse:
        account_id = caller().account_id
        stream = ImportStream(request_iterator, numbered_contact, self.import_silence_seconds)
        options: ContactImportOptions = await stream.options()
        growing = take_growing_request(account_id, "ImportContacts", options, "options.request_id")
        spec = contact_import_spec(account_id, options)
        stored = await self.import_rows.execute(spec, stream.rows(growing), growing)
        return pb.ImportContactsResponse(
            **{"import": import_to_message(stored.imported)},
            contact_folder=folder_to_message(stored.folder),
        )


def _contact_id(text: str, path: str = "contact_id") -> ContactId:
    return ContactId(required_id(text, path))


def _filter(request: pb.ListContactsRequest) -> ContactFilter:
    if len(request.search) > CONTACT_SEARCH_MAX_CHARS:
        raise invalid_field(
            "search", f"must not be longer than {CONTACT_SEARCH_MAX_CHARS} characters"
        )
    folder_id = request.contact_folder_id
    return ContactFilter(
        ContactFolderId(canonical(folder_id)) if folder_id else None,
        search_words(filter_text("search", request.search)),
        DISPOSITION.each(request.last_dispositions, "last_dispositions"),
    )
