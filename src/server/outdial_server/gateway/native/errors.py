"""Statuses as HTTP has them: the code, and a body as AIP-193 describes it."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status

_HTTP: Final[Mapping[int, int]] = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.FAILED_PRECONDITION: 400,
    # What was asked for is no longer there: events that have been erased.
    code_pb2.OUT_OF_RANGE: 410,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.ABORTED: 409,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 504,
}


def http_status(status: Status, *, has_precondition: bool = False) -> int:
    """`has_precondition`: the request said If-Match, and ABORTED is the answer to that."""
    if has_precondition and status.code == code_pb2.ABORTED:
        return 412
    return _HTTP.get(status.code, 500)


def error_object(status: Status, http: int) -> dict[str, Any]:
    told = MessageToDict(status)
    return {
        "error": {
            "code": http,
            "message": status.message,
            "status": code_pb2.Code.Name(code_pb2.Code.ValueType(status.code)),
            "details": told.get("details", []),
        }
    }
