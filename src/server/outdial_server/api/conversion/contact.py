"""Contacts and their folders."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import contact_pb2 as pb

from outdial_server.api.conversion.enums import DISPOSITION
from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.struct import json_text, struct
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.checks import Checks
from outdial_server.domain.contact import Contact, ContactFields, ContactSelection
from outdial_server.domain.contact_folder import ContactFolder, ContactFolderFields
from outdial_server.domain.etag import etag_of
from outdial_server.domain.ids import ContactFolderId, ContactId
from outdial_server.domain.limits import CONTACTS_PER_REQUEST_MAX, FOLDERS_PER_REQUEST_MAX

_FOLDER_WRITABLE: Final = ("display_name", "description")

_PLAIN: Final = (
    "address",
    "first_name",
    "last_name",
    "email",
    "company_name",
    "industry",
    "location",
    "postal_code",
    "keywords",
    "time_zone",
    "metadata",
)
_COLUMNS: Final = {name: name for name in _PLAIN} | {"custom_fields": "custom_fields_json"}
"""What a client may write, and where it is in `ContactFields`."""


def folder_to_message(folder: ContactFolder) -> pb.ContactFolder:
    return pb.ContactFolder(
        contact_folder_id=folder.contact_folder_id,
        account_id=folder.account_id,
        display_name=folder.fields.display_name,
        description=folder.fields.description,
        contact_count=folder.contact_count,
        create_time=timestamp(folder.created_at),
        update_time=timestamp(folder.updated_at),
        etag=etag_of(folder.revision),
    )


def folder_fields(message: pb.ContactFolder) -> ContactFolderFields:
    return ContactFolderFields(message.display_name, message.description)


def folder_change(
    message: pb.ContactFolder, mask: FieldMask
) -> Callable[[ContactFolderFields], ContactFolderFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _FOLDER_WRITABLE)
    written = {name: getattr(message, name) for name in named}
    return lambda present: replace(present, **written)


def contact_selection(message: pb.ContactSelection) -> ContactSelection:
    """Each id once."""
    folder_ids = dict.fromkeys(map(canonical, message.contact_folder_ids))
    contact_ids = dict.fromkeys(map(canonical, message.contact_ids))
    checks = Checks("contacts.")
    checks.at_most("contact_folder_ids", len(folder_ids), FOLDERS_PER_REQUEST_MAX)
    checks.at_most("contact_ids", len(contact_ids), CONTACTS_PER_REQUEST_MAX)
    checks.raise_if_any()
    return ContactSelection(
        tuple(map(ContactFolderId, folder_ids)), tuple(map(ContactId, contact_ids))
    )


def contact_to_message(contact: Contact) -> pb.Contact:
    fields = contact.fields
    return pb.Contact(
        contact_id=contact.contact_id,
        contact_folder_id=contact.contact_folder_id,
        address=fields.address,
        normalized_address=fields.normalized_address,
        first_name=fields.first_name,
        last_name=fields.last_name,
        email=fields.email,
        company_name=fields.company_name,
        industry=fields.industry,
        location=fields.location,
        postal_code=fields.postal_code,
        keywords=fields.keywords,
        time_zone=fields.time_zone,
        custom_fields=struct(fields.custom_fields_json),
        metadata=fields.metadata,
        call_count=contact.calls.count,
        last_call_time=timestamp(contact.calls.last_at),
        last_disposition=DISPOSITION.to_message(contact.calls.last_disposition),
        create_time=timestamp(contact.created_at),
        update_time=timestamp(contact.updated_at),
        etag=etag_of(contact.revision),
    )


def contact_fields(message: pb.Contact, path: str = "contact.") -> ContactFields:
    """Raises InvalidFieldsError for numbers that JSON does not have."""
    return ContactFields(
        address=message.address,
        first_name=message.first_name,
        last_name=message.last_name,
        email=message.email,
        company_name=message.company_name,
        industry=message.industry,
        location=message.location,
        postal_code=message.postal_code,
        keywords=tuple(message.keywords),
        time_zone=message.time_zone,
        custom_fields_json=json_text(message.custom_fields, f"{path}custom_fields"),
        metadata=dict(message.metadata),
    )


def contact_change(
    message: pb.Contact, mask: FieldMask
) -> Callable[[ContactFields], ContactFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _COLUMNS)
    fields = contact_fields(message)
    written = {_COLUMNS[name]: getattr(fields, _COLUMNS[name]) for name in named}
    return lambda present: replace(present, **written)
