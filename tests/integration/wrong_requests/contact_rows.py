"""Wrong requests to ContactFolderService and ContactService."""

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct, Value
from outdial.v1.batch_pb2 import Batch
from outdial.v1.contact_pb2 import Contact, ContactFolder, ContactSelection
from tests.integration.wrong_requests.world import ANSWERED, BUSY, USED_REQUEST_ID
from tests.integration.wrong_requests.wrong import (
    Fields,
    faulty,
    forbidden,
    misfit,
    no_such_id,
    outdated,
    taken,
    unfound,
)

NOT_FINITE = Struct(fields={"n": Value(number_value=float("nan"))})

BATCHES: dict[str, Fields] = {
    "CreateBatch": lambda w: {"batch": Batch(agent_id=w.ours.agent_id, display_name="x")},
    "AddScheduledCalls": lambda w: {"batch_id": w.ours.draft_id},
}

FOLDERS = [
    faulty("nothing", "CreateContactFolder", lambda w: {}, "contact_folder.display_name"),
    faulty(
        "every field wrong",
        "CreateContactFolder",
        lambda w: {"contact_folder": ContactFolder(display_name="x" * 101, description="x" * 501)},
        "contact_folder.display_name",
        "contact_folder.description",
    ),
    taken(
        "a request id of another folder",
        "CreateContactFolder",
        lambda w: {
            "contact_folder": ContactFolder(display_name="x"),
            "request_id": USED_REQUEST_ID,
        },
        "REQUEST_ID_REUSED",
    ),
    forbidden(
        "a key that may only read",
        "CreateContactFolder",
        lambda w: {"contact_folder": ContactFolder(display_name="x")},
    ).by(lambda w: w.reader),
    faulty("no id", "GetContactFolder", lambda w: {}, "contact_folder_id", says="is required"),
    *no_such_id(
        "GetContactFolder",
        "CONTACT_FOLDER_NOT_FOUND",
        lambda w: w.their_contact_folder_id,
        lambda id_: {"contact_folder_id": id_},
    ),
    faulty("another order", "ListContactFolders", lambda w: {"order_by": "size"}, "order_by"),
    faulty(
        "a name with NUL", "ListContactFolders", lambda w: {"display_name": "a\0"}, "display_name"
    ),
    faulty(
        "a token of another list",
        "ListContactFolders",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
    faulty(
        "no id",
        "UpdateContactFolder",
        lambda w: {},
        "contact_folder.contact_folder_id",
        says="is required",
    ),
    *no_such_id(
        "UpdateContactFolder",
        "CONTACT_FOLDER_NOT_FOUND",
        lambda w: w.their_contact_folder_id,
        lambda id_: {"contact_folder": ContactFolder(contact_folder_id=id_, display_name="x")},
    ),
    faulty(
        "no name left",
        "UpdateContactFolder",
        lambda w: {
            "contact_folder": ContactFolder(contact_folder_id=w.contact_folder_id),
            "update_mask": FieldMask(paths=["display_name"]),
        },
        "contact_folder.display_name",
    ),
    outdated(
        "an old etag",
        "UpdateContactFolder",
        lambda w: {
            "contact_folder": ContactFolder(
                contact_folder_id=w.contact_folder_id, display_name="x", etag='"0"'
            )
        },
    ),
    faulty("no id", "DeleteContactFolder", lambda w: {}, "contact_folder_id", says="is required"),
    *no_such_id(
        "DeleteContactFolder",
        "CONTACT_FOLDER_NOT_FOUND",
        lambda w: w.their_contact_folder_id,
        lambda id_: {"contact_folder_id": id_},
    ),
]

CONTACTS = [
    faulty(
        "nothing",
        "CreateContact",
        lambda w: {},
        "contact.contact_folder_id",
        "contact.address",
    ),
    faulty(
        "every field wrong",
        "CreateContact",
        lambda w: {
            "contact": Contact(
                contact_folder_id=w.contact_folder_id,
                address="nobody",
                first_name="x" * 101,
                last_name="x" * 101,
                email="x" * 255,
                company_name="x" * 201,
                industry="x" * 201,
                location="x" * 201,
                postal_code="x" * 201,
                keywords=[""],
                time_zone="Europe/Wien",
                metadata={"": ""},
            )
        },
        "contact.address",
        "contact.first_name",
        "contact.last_name",
        "contact.email",
        "contact.company_name",
        "contact.industry",
        "contact.location",
        "contact.postal_code",
        "contact.keywords[0]",
        "contact.time_zone",
        "contact.metadata",
    ),
    faulty(
        "a number that is none",
        "CreateContact",
        lambda w: {
            "contact": Contact(
                contact_folder_id=w.contact_folder_id,
                address="+15551230009",
                custom_fields=NOT_FINITE,
            )
        },
        "contact.custom_fields",
    ),
    *no_such_id(
        "CreateContact",
        "CONTACT_FOLDER_NOT_FOUND",
        lambda w: w.their_contact_folder_id,
        lambda id_: {"contact": Contact(contact_folder_id=id_, address="+15551230009")},
    ),
    taken(
        "an address that is there",
        "CreateContact",
        lambda w: {"contact": Contact(contact_folder_id=w.contact_folder_id, address=BUSY)},
        "CONTACT_EXISTS",
    ),
    taken(
        "a request id of another contact",
        "CreateContact",
        lambda w: {
            "contact": Contact(contact_folder_id=w.contact_folder_id, address="+15551230009"),
            "request_id": USED_REQUEST_ID + BUSY,
        },
        "REQUEST_ID_REUSED",
    ),
    faulty("no id", "GetContact", lambda w: {}, "contact_id", says="is required"),
    *no_such_id(
        "GetContact",
        "CONTACT_NOT_FOUND",
        lambda w: w.their_contact_id,
        lambda id_: {"contact_id": id_},
    ),
    faulty("a search with NUL", "ListContacts", lambda w: {"search": "a\0"}, "search"),
    faulty("a long search", "ListContacts", lambda w: {"search": "x" * 201}, "search"),
    faulty(
        "no disposition",
        "ListContacts",
        lambda w: {"last_dispositions": [99]},
        "last_dispositions[0]",
    ),
    unfound(
        "a folder of another account",
        "ListContacts",
        lambda w: {"contact_folder_id": w.their_contact_folder_id},
        "CONTACT_FOLDER_NOT_FOUND",
    ),
    faulty(
        "a token of another list",
        "ListContacts",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
    faulty("no id", "UpdateContact", lambda w: {}, "contact.contact_id", says="is required"),
    *no_such_id(
        "UpdateContact",
        "CONTACT_NOT_FOUND",
        lambda w: w.their_contact_id,
        lambda id_: {"contact": Contact(contact_id=id_, first_name="x")},
    ),
    faulty(
        "another folder",
        "UpdateContact",
        lambda w: {
            "contact": Contact(contact_id=w.contact_id),
            "update_mask": FieldMask(paths=["contact_folder_id"]),
        },
        "update_mask",
        says="cannot be changed",
    ),
    faulty(
        "no address left",
        "UpdateContact",
        lambda w: {
            "contact": Contact(contact_id=w.contact_id),
            "update_mask": FieldMask(paths=["address"]),
        },
        "contact.address",
    ),
    taken(
        "the address of another",
        "UpdateContact",
        lambda w: {"contact": Contact(contact_id=w.contact_id, address=ANSWERED)},
        "CONTACT_EXISTS",
    ),
    outdated(
        "an old etag",
        "UpdateContact",
        lambda w: {"contact": Contact(contact_id=w.contact_id, first_name="x", etag='"0"')},
    ),
    faulty("no id", "DeleteContact", lambda w: {}, "contact_id", says="is required"),
    *no_such_id(
        "DeleteContact",
        "CONTACT_NOT_FOUND",
        lambda w: w.their_contact_id,
        lambda id_: {"contact_id": id_},
    ),
]

COPIES = [
    *(
        row
        for rpc, batch in BATCHES.items()
        for row in (
            unfound(
                "a folder of another account",
                rpc,
                lambda w, batch=batch: {
                    **batch(w),
                    "contacts": ContactSelection(contact_folder_ids=[w.their_contact_folder_id]),
                },
                "CONTACT_FOLDER_NOT_FOUND",
            ),
            unfound(
                "a contact of another account",
                rpc,
                lambda w, batch=batch: {
                    **batch(w),
                    "contacts": ContactSelection(contact_ids=[w.contact_id, w.their_contact_id]),
                },
                "CONTACT_NOT_FOUND",
            ),
            misfit(
                "an empty folder",
                rpc,
                lambda w, batch=batch: {
                    **batch(w),
                    "contacts": ContactSelection(contact_folder_ids=[w.empty_folder_id]),
                },
                "CONTACT_FOLDER_EMPTY",
                says="there is no contact in the folder 'Empty'",
            ),
            faulty(
                "too many folders and contacts",
                rpc,
                lambda w, batch=batch: {
                    **batch(w),
                    "contacts": ContactSelection(
                        contact_folder_ids=map(str, range(101)),
                        contact_ids=map(str, range(10_001)),
                    ),
                },
                "contacts.contact_folder_ids",
                "contacts.contact_ids",
            ),
        )
    ),
]

ROWS = [*FOLDERS, *CONTACTS, *COPIES]
