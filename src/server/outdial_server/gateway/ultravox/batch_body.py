"""The body of a batch, of any length: fields at once, its calls as they come in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar
from urllib.parse import urlsplit

from outdial.v1.batch_service_pb2 import AddScheduledCallsRequest, CreateBatchRequest
from pydantic import AfterValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, invalid_field
from outdial_server.gateway.json_stream import LongList, read_object
from outdial_server.gateway.ultravox.models import Moment, Plain, faults_of
from outdial_server.gateway.ultravox.scheduled_calls import Entries, NewScheduledCall

M = TypeVar("M", CreateBatchRequest, AddScheduledCallsRequest)

_CALLS: Final = "calls"


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_url = False
    if not is_url:
        raise PydanticCustomError("url", "Enter a valid URL.")
    return text


Url = Annotated[
    str, Field(max_length=200), AfterValidator(_url), WithJsonSchema({"type": "string"})
]


class BatchFields(Plain):
    window_start: Moment | None = None
    window_end: Moment | None = None
    throttle: str | None = None
    webhook_url: Url | None = None
    webhook_secret: Annotated[str, Field(max_length=120)] | None = None
    paused: bool | None = None


class NewBatch(BatchFields):
    """For the document."""

    calls: list[NewScheduledCall] = Field(min_length=1)


class BatchPatch(BatchFields):
    """For the document."""

    calls: list[NewScheduledCall] | None = Field(None, min_length=1)


@dataclass(frozen=True, slots=True)
class BatchBody(Generic[M]):
    fields: BatchFields
    # None where the body names no calls.
    entries: Entries[M] | None

    def names(self, field: str) -> bool:
        return field in self.fields.model_fields_set


async def read_batch(request: Request, entries: Entries[M], *, needs_calls: bool) -> BatchBody[M]:
    """Raises InvalidFieldsError, with faults of the fields and the calls together."""
    told = {} if _is_empty(request) else await read_object(_chunks(request), _CALLS, entries.take)
    listed, faults = told.pop(_CALLS, None), list[FieldViolation]()
    fields = BatchFields()
    try:
        fields = BatchFields.model_validate(told)
    except ValidationError as error:
        faults += faults_of(error.errors())
    if listed is None and needs_calls:
        faults.append(FieldViolation(_CALLS, "This field is required."))
    elif isinstance(listed, LongList):
        faults += entries.finish(listed.count)
    elif listed is not None:
        faults.append(FieldViolation(_CALLS, "Expected a list of items."))
    if faults:
        raise InvalidFieldsError(faults)
    return BatchBody(fields, None if listed is None else entries)


def _is_empty(request: Request) -> bool:
    length = request.headers.get("content-length")
    return length == "0" or (length is None and "transfer-encoding" not in request.headers)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


def check_webhook(url: str | None, first_for_webhook: int | None) -> None:
    """Whom nobody dials the webhook is told of; of others it is told nothing. Raises
    InvalidFieldsError."""
    if first_for_webhook is not None and not url:
        raise invalid_field(
            "webhookUrl", f"This field is required: calls[{first_for_webhook}] is not outgoing."
        )
    if first_for_webhook is None and url:
        raise invalid_field("webhookUrl", "This field must not be set: all calls are outgoing.")
