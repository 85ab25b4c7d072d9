"""Contacts from a CSV file, and in JSON as older clients send them.

What columns mean is the client's own code: a file does the same whichever way it goes.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import FastAPI
from outdial.v1 import batch_service_pb2, contact_service_pb2, import_pb2
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.truedy.bodies import json_content, required_body, validated
from outdial_server.gateway.truedy.contact_uploads import (
    ImportInJson,
    Rows,
    Upload,
    flag_in_form,
    phones_in,
    upload_in_form,
    upload_in_json,
)
from outdial_server.gateway.truedy.envelopes import One, one
from outdial_server.gateway.truedy.field_names import field_name
from outdial_server.gateway.truedy.folders import default_folder
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.routing import Asks, Routes

ERRORS_TOLD_MOST: Final = 1000
"""As many as one page of findings has; they are counted beyond that."""

_FORM: Final = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "CSV, with a column `phone`"},
        "folder_id": {"type": "string"},
        "overwrite_existing": {"type": "boolean", "default": False},
    },
}


class RowError(BaseModel):
    row: int
    # As it stands in the row; null where there is none.
    phone: str | None
    reason: str


class ContactImport(BaseModel):
    imported: int
    updated: int
    skipped: int
    errors: int
    folder_id: str
    error_details: list[RowError]


class JsonContactImport(BaseModel):
    successful: int
    failed: int
    errors: list[RowError]


async def import_contacts(request: Request, asks: Asks) -> Response:
    """Good rows are added, and the others told. The columns `name` and `email` are known, and
    others by their usual names; what is left are custom fields. JSON is taken up to a megabyte."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        return one(await _import_form(request, asks), 201)
    return one(await _import_json(request, asks), 201)


async def _import_form(request: Request, asks: Caller) -> ContactImport:
    async with request.form() as form:
        upload = upload_in_form(form)
        folder_id = core_id(str(form.get("folder_id", "")))
        options = import_pb2.ContactImportOptions(
            contact_folder_id=folder_id or (await default_folder(asks)).contact_folder_id,
            overwrite_existing=flag_in_form(form, "overwrite_existing"),
        )
        done = await _import(asks, options, upload())
        errors = await _errors(asks, done, upload)
    return ContactImport(
        imported=done.added_count,
        updated=done.updated_count,
        skipped=done.row_count - done.added_count - done.updated_count - done.refused_count,
        errors=done.refused_count,
        folder_id=done.contact_folder_id,
        error_details=errors,
    )


async def _import_json(request: Request, asks: Caller) -> JsonContactImport:
    try:
        body = await request.json()
    except ValueError:
        raise invalid_field("body", "is not valid JSON") from None
    asked = validated(ImportInJson, body)
    options = import_pb2.ContactImportOptions(contact_folder_id=core_id(asked.folder_id))
    upload = upload_in_json(asked)
    done = await _import(asks, options, upload())
    return JsonContactImport(
        successful=done.added_count,
        failed=done.row_count - done.added_count,
        errors=await _errors(asks, done, upload),
    )


async def _import(
    asks: Caller, options: import_pb2.ContactImportOptions, rows: Rows
) -> import_pb2.Import:
    options.bad_rows = import_pb2.BAD_ROW_POLICY_SKIP
    async with aclosing(rows), aclosing(_messages(options, rows)) as messages:
        told = await asks.gather(
            contact_service_pb2.ImportContactsRequest,
            messages,
            contact_service_pb2.ImportContactsResponse,
        )
    done: import_pb2.Import = getattr(told, "import")
    return done


async def _messages(
    options: import_pb2.ContactImportOptions, rows: Rows
) -> AsyncGenerator[Any, None]:
    kind: Any = contact_service_pb2.ImportContactsRequest
    count = 0
    yield kind(options=options)
    async for piece in rows:
        yield kind(rows={"rows": piece})
        count += len(piece)
    yield kind(end=import_pb2.ImportEnd(row_count=count))


async def _errors(asks: Caller, done: import_pb2.Import, upload: Upload) -> list[RowError]:
    if not done.refused_count:
        return []
    request = batch_service_pb2.ListImportFindingsRequest(
        import_id=done.import_id, page_size=ERRORS_TOLD_MOST
    )
    told = await asks.ask(request, batch_service_pb2.ListImportFindingsResponse)
    faults = [one for one in told.findings if one.kind == import_pb2.FINDING_KIND_FAULT]
    phones = await phones_in(upload, {fault.row_number for fault in faults})
    return [
        RowError(
            row=fault.row_number,
            phone=phones.get(fault.row_number) or None,
            reason=f"{field_name(fault.field)} {fault.description}".strip(),
        )
        for fault in faults
    ]


def add_contact_import(api: FastAPI) -> None:
    content = {"multipart/form-data": {"schema": _FORM}, **json_content(ImportInJson)}
    Routes(api, "Contacts").post(
        "/contacts/import",
        import_contacts,
        One[ContactImport] | One[JsonContactImport],
        body=required_body(content),
    )
