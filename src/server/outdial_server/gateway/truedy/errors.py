"""How no is said here: a code, a text, and where they help the field and the reason."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from google.rpc import code_pb2
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.door import RATE_LIMITED
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.truedy.asked import PREFIX, asked
from outdial_server.gateway.truedy.envelopes import Meta, failure
from outdial_server.gateway.truedy.field_names import field_name
from outdial_server.gateway.wording import reworded
from outdial_server.gateway.written_ids import as_written

FAULTS_TOLD_MOST: Final = 50

_CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limit_exceeded",
    500: "internal_error",
    502: "provider_error",
    503: "service_unavailable",
}

_STATUSES: Final[Mapping[int, int]] = {
    code_pb2.INVALID_ARGUMENT: 422,
    code_pb2.FAILED_PRECONDITION: 422,
    code_pb2.OUT_OF_RANGE: 422,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.ABORTED: 409,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.UNAVAILABLE: 503,
}

_NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    "AGENT_NOT_FOUND": ("Agent", "agent_id"),
    "BATCH_NOT_FOUND": ("Batch call", "batch_call_id"),
    "CALL_NOT_FOUND": ("Call", "call_id"),
    "CONTACT_FOLDER_NOT_FOUND": ("Contact folder", "contact_folder_id"),
    "CONTACT_NOT_FOUND": ("Contact", "contact_ids"),
    "PHONE_NUMBER_NOT_FOUND": ("Phone number", "phone_number_ids"),
}
"""What was not found, and the field of a body that names such."""

_OTHER_FIELDS: Final[Mapping[tuple[str, str], str]] = {
    ("contacts", "CONTACT_FOLDER_NOT_FOUND"): "folder_id",
    ("telephony", "PHONE_NUMBER_NOT_FOUND"): "number_id",
}
"""Where requests of a noun name it otherwise."""

_TEXTS: Final[Mapping[str, str]] = {
    "ADDRESS_SUPPRESSED": "The phone number is on the do-not-call list",
    "AGENT_INACTIVE": "Agent is not active",
    "API_KEY_INVALID": "Invalid API key",
    "API_KEY_MISSING": "Missing API key",
    "BATCH_EMPTY": "Batch call has no contacts",
    "CONTACT_EXISTS": "The folder has a contact with this phone number",
    "CONTACT_FOLDER_EMPTY": "Contact folder has no contacts",
    "NO_USABLE_NUMBER": "No valid outbound phone number",
    RATE_LIMITED: "Rate limit exceeded",
}


class ErrorDetail(BaseModel):
    code: str
    message: str
    details: dict[str, Any] | None = None


class ErrorBody(BaseModel):
    error: ErrorDetail
    meta: Meta


class WrongStatusError(Exception):
    """What was asked for does not go with the status of the batch call."""

    def __init__(self, verb: str, status: str, possible: str) -> None:
        super().__init__(f"Cannot {verb} a batch call that is {status}: {possible}")
        self.status = status


class TruedyVoice:
    def refused(self, refusal: Refusal) -> Response:
        if refusal.reason == RATE_LIMITED:
            return _rate_limited(refusal)
        if refusal.code == code_pb2.NOT_FOUND:
            return _not_found(refusal)
        if refusal.fields:
            return _misread(refusal.fields)
        if refusal.reason == "CARRIER_UNAVAILABLE":
            return _error(502, refusal.message)
        status = _STATUSES.get(refusal.code, 500)
        return _error(status, _TEXTS.get(refusal.reason, refusal.message))

    def invalid(self, error: RequestValidationError) -> Response:
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return _error(400, "The body is not valid JSON")
        return _invalid([(_place(fault["loc"]), str(fault["msg"])) for fault in faults])

    def failed(self, status: int, detail: str) -> Response:
        return _error(status, detail)


VOICE: Final = TruedyVoice()


def say_no_in(api: FastAPI) -> None:
    """To what the dialect itself finds wrong."""

    async def wrong_status(request: Request, error: WrongStatusError) -> Response:
        return _error(422, str(error), {"status": error.status})

    api.add_exception_handler(WrongStatusError, wrong_status)  # type: ignore[arg-type]


def _misread(fields: Sequence[FieldViolation]) -> Response:
    if fields[0].field == "body":
        return _error(400, f"The body {fields[0].description}")
    return _invalid(
        [(field_name(each.field), reworded(each.description, field_name)) for each in fields]
    )


def _rate_limited(refusal: Refusal) -> Response:
    told = refusal.metadata
    details = {"limit": int(told["limit"]), "reset_at": told["room_at"]}
    return _error(429, _TEXTS[RATE_LIMITED], details)


def _not_found(refusal: Refusal) -> Response:
    """404 for what the path names; what a body or a query names is a fault of that field."""
    noun, field = _NOUNS.get(refusal.reason, ("Resource", "id"))
    wanted, path = as_written(refusal.metadata.get("id", "")), asked().path
    message = f"{noun} not found: {wanted}"
    if wanted in path.split("/"):
        return _error(404, message)
    place = path.removeprefix(PREFIX).split("/")[1]
    field = _OTHER_FIELDS.get((place, refusal.reason), field)
    return _error(422, message, {"field": field, "reason": message})


def _invalid(faults: Sequence[tuple[str, str]]) -> Response:
    """The first fault is that of the documents; those behind it are told beside it."""
    field, reason = faults[0]
    details: dict[str, Any] = {"field": field, "reason": reason}
    if len(faults) > 1:
        told = faults[:FAULTS_TOLD_MOST]
        details["errors"] = [{"field": place, "reason": why} for place, why in told]
    return _error(422, f"{field}: {reason}", details)


def _error(status: int, message: str, details: dict[str, Any] | None = None) -> Response:
    error: dict[str, Any] = {"code": _CODES.get(status, "internal_error"), "message": message}
    if details is not None:
        error["details"] = details
    return failure(status, error)


def _place(loc: Sequence[int | str]) -> str:
    """`body.contacts.3.phone_number` is `contacts[3].phone_number`."""
    place = ""
    for part in loc[1:]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place or str(loc[0])
