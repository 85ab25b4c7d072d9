"""The two forms in which a new batch comes: JSON, and a form with a CSV file."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.gateway.asking import LongRequest
from outdial_server.gateway.json_stream import LongList, read_object
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.speechify.csv_upload import (
    FILE,
    FILE_MAX_BYTES,
    in_file,
    place_of,
    read_csv,
)
from outdial_server.gateway.speechify.recipients import NewRecipients, fault
from outdial_server.gateway.speechify.shapes import NewBatchCall

_LIST: Final = "recipients"
_ROWS_PER_TURN: Final = 100


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """`request` holds the people; the rest is added to it."""

    form: NewBatchCall
    request: LongRequest[CreateBatchRequest]
    # Of a file: where each row of it began.
    lines: list[int] | None = None

    def said_of(self, refusal: Refusal) -> Refusal:
        return refusal if self.lines is None else in_file(refusal, self.lines)


async def read_new_batch(request: Request) -> ReadBatch:
    """Raises RequestValidationError with every fault that there is room for, and HTTPException
    for a body that is too long."""
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _read_form(request)
    return await _read_json(request)


async def _read_json(request: Request) -> ReadBatch:
    long = LongRequest(CreateBatchRequest)
    people = NewRecipients(long)

    def take(index: int, entry: object) -> None:
        people.take(entry, (_LIST, index))

    try:
        told = await read_object(request.stream(), _LIST, take)
    except InvalidFieldsError as error:
        raise _no_object(error) from None
    listed = told.pop(_LIST, None)
    if isinstance(listed, LongList):
        form = _checked(told, people)
    else:
        form = _checked(told, people, "must be a list" if listed is not None else "is required")
    return ReadBatch(form, long)


def _no_object(error: InvalidFieldsError) -> RequestValidationError:
    return RequestValidationError(
        [
            fault(() if one.field == "body" else (one.field,), one.description, "json_invalid")
            for one in error.violations
        ]
    )


async def _read_form(request: Request) -> ReadBatch:
    async with request.form(max_files=1, max_fields=20) as form:
        told: dict[str, Any] = {
            name: value for name, value in form.items() if isinstance(value, str) and value
        }
        file = form.get(FILE)
        if not isinstance(file, UploadFile):
            raise RequestValidationError([fault((FILE,), "is required, as a file")])
        content = await file.read(FILE_MAX_BYTES + 1)
    if len(content) > FILE_MAX_BYTES:
        raise HTTPException(413, f"{FILE} is longer than {FILE_MAX_BYTES} bytes")
    timeout = told.get("ringing_timeout_ms", "")
    if timeout.isascii() and timeout.isdigit() and len(timeout) < 10:
        told["ringing_timeout_ms"] = int(timeout)
    long = LongRequest(CreateBatchRequest)
    people, lines = NewRecipients(long), list[int]()
    for line, recipient in read_csv(content):
        people.take(recipient, (place_of(line),))
        lines.append(line)
        if len(lines) % _ROWS_PER_TURN == 0:
            # Others have their turn.
            await asyncio.sleep(0)
    return ReadBatch(_checked(told, people, list_name=FILE), long, lines)


def _checked(
    told: dict[str, Any], people: NewRecipients, list_fault: str = "", list_name: str = _LIST
) -> NewBatchCall:
    faults = list(people.faults)
    if not people.count and not list_fault:
        list_fault = "must not be empty"
    if list_fault:
        faults.append(fault((list_name,), list_fault))
    form = None
    try:
        form = NewBatchCall.model_validate(told)
    except ValidationError as error:
        faults += [fault(one["loc"], one["msg"], one["type"]) for one in error.errors()]
    if form is None or faults:
        raise RequestValidationError(faults)
    people.flush()
    return form
