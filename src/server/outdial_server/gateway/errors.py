"""Errors as JSON."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def error_response(
    status: int, code: str, message: str, retry_after_seconds: int | None = None
) -> Response:
    response = JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
    if retry_after_seconds is not None:
        response.headers["retry-after"] = str(retry_after_seconds)
    return response


_CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}


async def http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return error_response(500, "internal_error", "something went wrong")
    code = _CODES.get(error.status_code, "bad_request")
    response = error_response(error.status_code, code, error.detail)
    # Which methods are allowed, for one.
    response.headers.update(error.headers or {})
    return response
