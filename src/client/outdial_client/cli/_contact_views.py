"""Contacts and their folders, in full and in lists."""

from outdial.v1.contact_pb2 import Contact, ContactFolder

from outdial_client.cli._choices import DISPOSITIONS
from outdial_client.cli._facts import Facts, stated, struct_json
from outdial_client.cli._screen import Listing
from outdial_client.cli._words import labels, moment


def full_name(contact: Contact) -> str:
    """First and last name, as far as they are known."""
    return f"{contact.first_name} {contact.last_name}".strip()


def folder_facts(folder: ContactFolder) -> Facts:
    """One folder in full; what is unset is left out."""
    facts = [
        ("id", folder.contact_folder_id),
        ("name", folder.display_name),
        ("description", folder.description),
        ("contacts", str(folder.contact_count)),
        ("created", moment(folder.create_time)),
    ]
    return stated(facts)


def contact_facts(contact: Contact) -> Facts:
    """One contact in full; what is unset is left out."""
    facts = [
        ("id", contact.contact_id),
        ("folder", contact.contact_folder_id),
        ("address", contact.address),
        ("name", full_name(contact)),
        ("email", contact.email),
        ("company", contact.company_name),
        ("industry", contact.industry),
        ("location", contact.location),
        ("postal code", contact.postal_code),
        ("keywords", ", ".join(contact.keywords)),
        ("time zone", contact.time_zone),
        ("own fields", struct_json(contact.custom_fields)),
        ("labels", labels(contact.metadata)),
        ("calls", str(contact.call_count)),
        ("last called", moment(contact.last_call_time)),
        ("how it ended", DISPOSITIONS.spoken(contact.last_disposition)),
        ("created", moment(contact.create_time)),
    ]
    return stated(facts)


FOLDERS: Listing[ContactFolder] = Listing(
    headings=("id", "name", "contacts", "created"),
    cells=lambda folder: (
        folder.contact_folder_id,
        folder.display_name,
        str(folder.contact_count),
        moment(folder.create_time),
    ),
    identity=lambda folder: folder.contact_folder_id,
)
CONTACTS: Listing[Contact] = Listing(
    headings=("id", "address", "name", "email", "calls", "last called", "how it ended"),
    cells=lambda contact: (
        contact.contact_id,
        contact.address,
        full_name(contact),
        contact.email,
        str(contact.call_count),
        moment(contact.last_call_time),
        DISPOSITIONS.spoken(contact.last_disposition),
    ),
    identity=lambda contact: contact.contact_id,
)
