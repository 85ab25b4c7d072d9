"""How Speechify says no."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from google.rpc import code_pb2
from starlette.responses import Response
from typing_extensions import override

from outdial_server.gateway.dialect import Voice
from outdial_server.gateway.door import RATE_LIMITED
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.replays import REQUEST_UNDER_WAY
from outdial_server.gateway.speechify.editions import VERSION_FAULT
from outdial_server.gateway.speechify.request_ids import current_request_id
from outdial_server.gateway.wording import reworded
from outdial_server.gateway.written_ids import as_written

VALIDATION_FAILED: Final = "validation_failed"

_NOT_VALID: Final = "the request is not valid"
_REUSED: Final = "REQUEST_ID_REUSED"

_BY_REASON: Final[Mapping[str, tuple[int, str]]] = {
    "AGENT_NOT_FOUND": (404, "agent_not_found"),
    "BATCH_NOT_FOUND": (404, "batch_not_found"),
    "PHONE_NUMBER_NOT_FOUND": (404, "phone_number_not_found"),
    "CALL_NOT_FOUND": (404, "conversation_not_found"),
    "SCOPE_MISSING": (403, "insufficient_scope"),
    "ADDRESS_SUPPRESSED": (403, "destination_not_allowed"),
    _REUSED: (409, "idempotency_conflict"),
    REQUEST_UNDER_WAY: (409, "idempotency_conflict"),
    # What is missing is with the agent or the server, and waiting does not bring it.
    "NO_USABLE_NUMBER": (400, VALIDATION_FAILED),
    "AGENT_HAS_NO_JOIN_URL": (400, "bad_request"),
    "JOIN_URL_UNFIT": (400, "bad_request"),
    "CARRIER_NOT_CONFIGURED": (400, "bad_request"),
    "TOO_MANY_WEBHOOKS": (400, "bad_request"),
    "TOO_MANY_NUMBERS": (400, "bad_request"),
    RATE_LIMITED: (429, "rate_limited"),
    "CARRIER_UNAVAILABLE": (502, "upstream_failure"),
}

_BY_CODE: Final[Mapping[int, tuple[int, str]]] = {
    code_pb2.INVALID_ARGUMENT: (400, VALIDATION_FAILED),
    code_pb2.OUT_OF_RANGE: (400, VALIDATION_FAILED),
    code_pb2.UNAUTHENTICATED: (401, "unauthorized"),
    code_pb2.PERMISSION_DENIED: (403, "forbidden"),
    code_pb2.NOT_FOUND: (404, "not_found"),
    code_pb2.ALREADY_EXISTS: (409, "conflict"),
    code_pb2.FAILED_PRECONDITION: (409, "conflict"),
    code_pb2.ABORTED: (409, "conflict"),
    code_pb2.RESOURCE_EXHAUSTED: (429, "concurrency_limit_reached"),
    code_pb2.UNAVAILABLE: (503, "service_unavailable"),
}

_BY_STATUS: Final[Mapping[int, str]] = {
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    500: "internal_error",
}

_FIELDS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(found), told)
    for found, told in (
        (r"^scheduled_calls(\[\d+\])\.template_context", r"recipients\1.dynamic_variables"),
        (r"^scheduled_calls(\[\d+\])\.address$", r"recipients\1.phone"),
        (r"^scheduled_calls", "recipients"),
        (r"^batch\.display_name$", "name"),
        (r"^agent\.default_context", "dynamic_variables"),
        (r"^agent\.display_name$", "name"),
        (r"^phone_number\.display_name$", "label"),
        (r"^phone_number\.address$", "e164"),
        (r"^phone_number\.carrier_config$", "trunk_id"),
        (r"^batch\.window_start$", "scheduled_at"),
        (r"^batch\.ring_timeout$", "ringing_timeout_ms"),
        (r"^webhook\.event_types", "enabled_events"),
        (r"^page_token$", "cursor"),
        (r"^page_size$", "limit"),
        (r"^(batch|agent|phone_number|webhook)\.", ""),
        # A single call has no list around it.
        (r"^template_context", "dynamic_variables"),
        (r"^address$", "to"),
        (r"^caller_id$", "caller_id_number"),
        (r"^ring_timeout$", "ringing_timeout_ms"),
    )
)


class SpeechifyVoice(Voice):
    @override
    def refused(self, refusal: Refusal, names: Mapping[str, str] | None = None) -> Response:
        """`names` are those that a field has here in place of its own."""
        status, code = _BY_REASON.get(refusal.reason) or _BY_CODE.get(
            refusal.code, (500, "internal_error")
        )
        told = ((_field(one.field), reworded(one.description, _spelt)) for one in refusal.fields)
        fields = {(names or {}).get(path, path): description for path, description in told}
        if refusal.reason == "NO_USABLE_NUMBER":
            fields = {"phone_number_id": refusal.message}
        response = error(status, code, _message(refusal), fields)
        if refusal.retry_after_seconds is not None:
            response.headers.update(_when_to_retry(refusal, refusal.retry_after_seconds))
        if status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    @override
    def invalid(self, error_: RequestValidationError) -> Response:
        faults = error_.errors()
        kind = faults[0]["type"] if faults else ""
        if kind == VERSION_FAULT:
            return error(400, "invalid_api_version", f"Speechify-Version {faults[0]['msg']}")
        if kind == "json_invalid":
            return error(400, "bad_request", "the body is no JSON")
        fields = {_path(fault["loc"]): str(fault["msg"]) for fault in faults}
        return error(400, VALIDATION_FAILED, _NOT_VALID, fields)

    @override
    def failed(self, status: int, detail: str) -> Response:
        return error(status, _BY_STATUS.get(status, "bad_request"), detail)


def error(
    status: int, code: str, message: str, fields: Mapping[str, str] | None = None
) -> Response:
    told: dict[str, Any] = {"code": code, "message": message}
    if fields:
        told["fields"] = fields
    body = {"error": told, "request_id": current_request_id()}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _message(refusal: Refusal) -> str:
    """With the id as it was asked for, and no name that is unknown here."""
    if refusal.reason == _REUSED:
        return "this Idempotency-Key was used for a request with other content"
    if refusal.fields and refusal.code == code_pb2.INVALID_ARGUMENT:
        return _NOT_VALID
    id_ = refusal.metadata.get("id", "") if refusal.code == code_pb2.NOT_FOUND else ""
    return refusal.message.replace(id_, as_written(id_)) if id_ else refusal.message


def _field(path: str) -> str:
    """A field of the contract in their names."""
    for found, told in _FIELDS:
        path, count = found.subn(told, path)
        if count:
            return path
    return path


def _spelt(name: str) -> str:
    return _field(f"batch.{name}")


def _path(place: Iterable[str | int]) -> str:
    """`recipients[3].phone`, of ("body", "recipients", 3, "phone")."""
    path = ""
    for part in list(place)[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path or "body"


def _when_to_retry(refusal: Refusal, seconds: int) -> dict[str, str]:
    headers = {"Retry-After": str(seconds)}
    if refusal.reason == RATE_LIMITED:
        headers |= {
            "RateLimit-Limit": refusal.metadata["limit"],
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(seconds),
        }
    return headers


VOICE: Final = SpeechifyVoice()
