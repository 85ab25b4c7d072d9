"""Wrong streams of ImportContacts."""

from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from outdial.v1.contact_pb2 import Contact
from outdial.v1.contact_service_pb2 import ImportContactsRequest as Message
from outdial.v1.import_pb2 import (
    BAD_ROW_POLICY_SKIP,
    ContactImportOptions,
    ContactImportRow,
    ContactImportRows,
    ImportEnd,
    ImportRowFault,
)
from tests.integration.wrong_requests.world import ANSWERED, USED_REQUEST_ID
from tests.integration.wrong_requests.wrong import (
    Fields,
    faulty,
    forbidden,
    no_such_id,
    taken,
)

RPC = "ImportContacts"

NOT_FINITE = Struct(fields={"n": Value(number_value=float("nan"))})


def rows(*contacts: Contact, **more: Any) -> Message:
    made = [ContactImportRow(contact=contact, **more) for contact in contacts]
    return Message(rows=ContactImportRows(rows=made))


ONE = rows(Contact(address=ANSWERED))


def end(count: int) -> Message:
    return Message(end=ImportEnd(row_count=count))


def stream(*messages: Message, **options: Any) -> Fields:
    """Into a folder of ours, unless told otherwise."""
    return lambda world: {
        "request": [
            Message(
                options=ContactImportOptions(
                    **{"contact_folder_id": world.contact_folder_id, **options}
                )
            ),
            *messages,
        ]
    }


ORDER = [
    faulty("no message at all", RPC, lambda w: {"request": []}, "options"),
    faulty("rows before the options", RPC, lambda w: {"request": [ONE, end(1)]}, "options"),
    faulty("a message of no rows", RPC, stream(rows(), end(0)), "rows", says="1 to 5000"),
    faulty("no rows", RPC, stream(end(0)), "rows", says="at least one"),
    faulty("rows behind the end", RPC, stream(ONE, end(1), ONE), "end"),
    faulty(
        "a negative row number", RPC, stream(rows(Contact(), row_number=-1)), "rows[-1].row_number"
    ),
    faulty("no end", RPC, stream(ONE), "end", says="missing", reason="IMPORT_INCOMPLETE"),
    faulty("an end of more rows", RPC, stream(ONE, end(2)), "end", reason="IMPORT_INCOMPLETE"),
]

OPTIONS = [
    faulty(
        "no folder",
        RPC,
        stream(ONE, end(1), contact_folder_id=""),
        "options.contact_folder_id",
        says="is required",
    ),
    *no_such_id(
        RPC,
        "CONTACT_FOLDER_NOT_FOUND",
        lambda w: w.their_contact_folder_id,
        lambda id_: {
            "request": [
                Message(options=ContactImportOptions(contact_folder_id=id_)),
                ONE,
                end(1),
            ]
        },
    ),
    faulty(
        "an unknown policy for bad rows",
        RPC,
        stream(ONE, end(1), bad_rows=99),
        "options.bad_rows",
    ),
    faulty(
        "a request id that is too long",
        RPC,
        stream(ONE, end(1), request_id="x" * 256),
        "options.request_id",
    ),
    taken(
        "a request id of another list",
        RPC,
        stream(ONE, end(1), bad_rows=BAD_ROW_POLICY_SKIP, request_id=USED_REQUEST_ID),
        "REQUEST_ID_REUSED",
    ),
    forbidden("a key without the scope", RPC, stream(ONE, end(1))).by(lambda w: w.reader),
]

REFUSED = [
    faulty(
        "rows with faults",
        RPC,
        stream(
            rows(
                Contact(address=ANSWERED),
                Contact(address="5551230001", email="x" * 255),
                Contact(address=ANSWERED, custom_fields=NOT_FINITE),
                Contact(address="+15551230002", time_zone="Europe/Nowhere"),
            ),
            end(4),
        ),
        "rows[2].address",
        "rows[2].email",
        "rows[3].custom_fields",
        "rows[4].time_zone",
        reason="IMPORT_REFUSED",
    ),
    faulty(
        "a row that its sender refuses",
        RPC,
        stream(
            rows(
                Contact(address=ANSWERED),
                row_number=7,
                faults=[ImportRowFault(field="email", description="is no text")],
            ),
            end(1),
        ),
        "rows[7].email",
        reason="IMPORT_REFUSED",
    ),
]

ROWS = [*ORDER, *OPTIONS, *REFUSED]
