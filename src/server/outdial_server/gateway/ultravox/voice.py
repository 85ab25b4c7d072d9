"""How this API says no: `{"detail": ...}`, or faults by fields."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from google.rpc import code_pb2
from starlette.responses import Response

from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.ultravox.answer import answer
from outdial_server.gateway.ultravox.faults import body_of
from outdial_server.gateway.ultravox.models import faults_of

_STATUSES: Final[Mapping[int, int]] = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ALREADY_EXISTS: 400,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNAUTHENTICATED: 403,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ABORTED: 409,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.UNAVAILABLE: 503,
}

NOT_FOUND: Final = "Not found."

_NO_SUCH_PATH: Final = "Not Found"

_DETAILS: Final[Mapping[str, str]] = {
    "API_KEY_MISSING": "Authentication credentials were not provided.",
    "API_KEY_INVALID": "Invalid API key",
    "RATE_LIMITED": "Request was throttled.",
}


class UltravoxVoice:
    def refused(self, refusal: Refusal) -> Response:
        if refusal.reason == "WINDOW_TOO_SHORT":
            return answer(_too_short(refusal), 400)
        status = _STATUSES.get(refusal.code, 500)
        if refusal.reason == "API_KEY_MISSING":
            status = 401
        response = answer(_said(refusal, status), status)
        if refusal.retry_after_seconds is not None:
            response.headers["retry-after"] = str(refusal.retry_after_seconds)
        return response

    def invalid(self, error: RequestValidationError) -> Response:
        return answer(body_of(faults_of(error.errors())), 400)

    def failed(self, status: int, detail: str) -> Response:
        return answer({"detail": NOT_FOUND if detail == _NO_SUCH_PATH else detail}, status)


def _said(refusal: Refusal, status: int) -> dict[str, Any]:
    if status == 404:
        return {"detail": NOT_FOUND}
    if refusal.code == code_pb2.ALREADY_EXISTS:
        return {"name": [refusal.message]}
    fields = [fault for fault in refusal.fields if fault.field != "body"]
    if fields:
        return body_of(fields, are_own=refusal.is_own)
    for fault in refusal.fields:
        return {"detail": f"JSON parse error - {fault.description}"}
    return {"detail": _DETAILS.get(refusal.reason, refusal.message)}


def _too_short(refusal: Refusal) -> dict[str, list[str]]:
    """With the estimate as a number of seconds, for clients to read."""
    calls, seconds = refusal.metadata["calls"], refusal.metadata.get("estimate_seconds")
    estimate = "years" if seconds is None else f"{seconds} seconds"
    return {
        "windowEnd": [
            f"The window is too short for {calls} calls; estimated minimum is {estimate}."
        ]
    }
