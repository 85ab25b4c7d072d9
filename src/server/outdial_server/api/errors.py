"""Errors on the wire: the one place where the domain's errors become statuses.

The details travel in a trailer, and clients refuse trailers: gRPC's C core at random from
8 KiB on, and for certain from 16. So whatever is put into a status has a bound.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from outdial_server.api.conversion.times import duration
from outdial_server.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    ExhaustedError,
    InvalidFieldsError,
    NotFoundError,
    OutdialError,
    OutOfRangeError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
    UnavailableError,
)

DOMAIN: Final = "outdial.dev"

_INTERNAL: Final = "INTERNAL"

_RETRY_AFTER: Final = timedelta(seconds=1)

_MESSAGE_MAX_BYTES: Final = 500
"""Three times as much at worst in `grpc-message`, which is percent-encoded."""

_TEXT_MAX_CHARS: Final = 200

_STATUS_MAX_BYTES: Final = 5000
"""About 6,700 in base64: with the message, safely below the 8 KiB."""

_CODES: Final[Mapping[type[OutdialError], StatusCode]] = {
    InvalidFieldsError: StatusCode.INVALID_ARGUMENT,
    NotFoundError: StatusCode.NOT_FOUND,
    AlreadyExistsError: StatusCode.ALREADY_EXISTS,
    PreconditionError: StatusCode.FAILED_PRECONDITION,
    ConflictError: StatusCode.ABORTED,
    UnauthenticatedError: StatusCode.UNAUTHENTICATED,
    PermissionDeniedError: StatusCode.PERMISSION_DENIED,
    UnavailableError: StatusCode.UNAVAILABLE,
    ExhaustedError: StatusCode.RESOURCE_EXHAUSTED,
    OutOfRangeError: StatusCode.OUT_OF_RANGE,
}


def code_of(error: OutdialError) -> StatusCode:
    return _CODES[type(error)]


def status_of(error: OutdialError) -> Status:
    status = _status(code_of(error), error.message)
    _attach(status, _error_info(error.reason.value, error.metadata))
    if isinstance(error, PreconditionError):
        _attach(status, _precondition_failure(error))
    elif isinstance(error, UnavailableError):
        _attach(status, details.RetryInfo(retry_delay=duration(_RETRY_AFTER)))
    elif isinstance(error, ExhaustedError):
        _attach(status, details.RetryInfo(retry_delay=duration(error.retry_after)))
    elif isinstance(error, InvalidFieldsError):
        _attach_violations(status, error)
    return status


def internal_status(request_id: str) -> Status:
    """A fault of ours: what it was is in the log under the request id, and nowhere else."""
    status = _status(
        StatusCode.INTERNAL, f"a fault of the server, in its log as request {request_id}"
    )
    _attach(status, _error_info(_INTERNAL, {"request_id": request_id}))
    return status


def _status(code: StatusCode, message: str) -> Status:
    number: int = code.value[0]
    cut = message.encode()[:_MESSAGE_MAX_BYTES].decode(errors="ignore")
    return Status(code=number, message=cut)


def _error_info(reason: str, metadata: Mapping[str, str]) -> details.ErrorInfo:
    return details.ErrorInfo(
        reason=reason,
        domain=DOMAIN,
        metadata={key: value[:_TEXT_MAX_CHARS] for key, value in metadata.items()},
    )


def _precondition_failure(error: PreconditionError) -> details.PreconditionFailure:
    violation = details.PreconditionFailure.Violation(
        type=error.reason.value,
        subject=error.metadata.get("state", "")[:_TEXT_MAX_CHARS],
        description=error.message[:_TEXT_MAX_CHARS],
    )
    return details.PreconditionFailure(violations=[violation])


def _attach_violations(status: Status, error: InvalidFieldsError) -> None:
    """As many faults as there is room for, in order; the message tells of the others."""
    bad_request = details.BadRequest()
    room = _STATUS_MAX_BYTES - status.ByteSize()
    for violation in error.violations:
        added = bad_request.field_violations.add(
            field=violation.field[:_TEXT_MAX_CHARS],
            description=violation.description[:_TEXT_MAX_CHARS],
        )
        if bad_request.ByteSize() > room:
            bad_request.field_violations.remove(added)
            break
    _attach(status, bad_request)


def _attach(status: Status, detail: Message) -> None:
    packed = Any()
    packed.Pack(detail)
    status.details.append(packed)
