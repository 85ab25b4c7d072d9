"""Contacts from a CSV file.

What columns mean is the client's own code: a file does the same whichever way it goes.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import FastAPI, File, Form, UploadFile
from outdial.v1 import batch_service_pb2, contact_service_pb2, import_pb2
from pydantic import BaseModel
from starlette.responses import Response

from outdial_client.files import CsvFileError, ImportRows, contacts_in
from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.truedy.envelopes import One, one
from outdial_server.gateway.truedy.field_names import field_name
from outdial_server.gateway.truedy.folders import default_folder
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.routing import Asks, Routes

ERRORS_TOLD_MOST: Final = 1000
"""As many as one page of findings has; they are counted beyond that."""


class RowError(BaseModel):
    row: int
    # What stood there may have been no phone number at all.
    phone: str | None
    reason: str


class ContactImport(BaseModel):
    imported: int
    updated: int
    skipped: int
    errors: int
    folder_id: str
    error_details: list[RowError]


async def import_contacts(
    asks: Asks,
    file: Annotated[UploadFile, File(description="CSV, with a column `phone`")],
    folder_id: Annotated[str | None, Form()] = None,
    overwrite_existing: Annotated[bool, Form()] = False,
) -> Response:
    """Good rows are added, and the others told. The columns `name` and `email` are known, and
    others by their usual names; what is left are custom fields."""
    options = import_pb2.ContactImportOptions(
        contact_folder_id=core_id(folder_id or "")
        or (await default_folder(asks)).contact_folder_id,
        bad_rows=import_pb2.BAD_ROW_POLICY_SKIP,
        overwrite_existing=overwrite_existing,
    )
    messages = _messages(options, contacts_in(file.file))
    async with aclosing(messages):
        told = await asks.gather(
            contact_service_pb2.ImportContactsRequest,
            messages,
            contact_service_pb2.ImportContactsResponse,
        )
    return one(await _shown(asks, getattr(told, "import")), 201)


async def _messages(
    options: import_pb2.ContactImportOptions, rows: ImportRows
) -> AsyncGenerator[Any, None]:
    """Raises InvalidFieldsError for a file that is none of contacts."""
    kind: Any = contact_service_pb2.ImportContactsRequest
    count = 0
    yield kind(options=options)
    try:
        async with aclosing(rows.slices()) as slices:
            async for piece in slices:
                yield kind(rows={"rows": piece.rows})
                count += len(piece.rows)
    except CsvFileError as error:
        raise invalid_field("file", error.reason) from None
    yield kind(end=import_pb2.ImportEnd(row_count=count))


async def _shown(asks: Caller, done: import_pb2.Import) -> ContactImport:
    settled = done.added_count + done.updated_count + done.refused_count
    return ContactImport(
        imported=done.added_count,
        updated=done.updated_count,
        skipped=done.row_count - settled,
        errors=done.refused_count,
        folder_id=done.contact_folder_id,
        error_details=await _errors(asks, done.import_id) if done.refused_count else [],
    )


async def _errors(asks: Caller, import_id: str) -> list[RowError]:
    request = batch_service_pb2.ListImportFindingsRequest(
        import_id=import_id, page_size=ERRORS_TOLD_MOST
    )
    told = await asks.ask(request, batch_service_pb2.ListImportFindingsResponse)
    return [
        RowError(
            row=finding.row_number,
            phone=None,
            reason=f"{field_name(finding.field)} {finding.description}".strip(),
        )
        for finding in told.findings
        if finding.kind == import_pb2.FINDING_KIND_FAULT
    ]


def add_contact_import(api: FastAPI) -> None:
    Routes(api, "Contacts").post("/contacts/import", import_contacts, One[ContactImport])
