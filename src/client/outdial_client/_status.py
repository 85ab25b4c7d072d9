"""Turns what gRPC reports into the errors of this package."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import AioRpcError

from outdial_client._errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlineExceededError,
    ErrorDetails,
    EventsErasedError,
    FailedPreconditionError,
    FieldViolation,
    ImportRefusedError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OutdialError,
    OutOfRangeError,
    PermissionDeniedError,
    PreconditionViolation,
    RequestCancelledError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)

_BY_CODE: dict[StatusCode, type[OutdialError]] = {
    StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    StatusCode.NOT_FOUND: NotFoundError,
    StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    StatusCode.ABORTED: AbortedError,
    StatusCode.OUT_OF_RANGE: OutOfRangeError,
    StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    StatusCode.UNAVAILABLE: UnavailableError,
    StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    StatusCode.CANCELLED: RequestCancelledError,
    StatusCode.UNIMPLEMENTED: UnimplementedError,
    StatusCode.INTERNAL: InternalError,
    StatusCode.UNKNOWN: InternalError,
    StatusCode.DATA_LOSS: InternalError,
}
_BY_REASON: dict[str, type[OutdialError]] = {
    "EVENTS_ERASED": EventsErasedError,
    "IMPORT_REFUSED": ImportRefusedError,
}

_BROKEN_WHILE_WRITING = "Internal error from Core"
"""What gRPC itself says, as INTERNAL, when a connection breaks in the very moment in which a stream
writes to it. No server has said so."""

_STATUS_KEY = "grpc-status-details-bin"
_REQUEST_ID_KEY = "x-request-id"

_Detail = TypeVar("_Detail", bound=Message)
_Metadata = Iterable[tuple[str, Any]]


def to_outdial_error(error: AioRpcError) -> OutdialError:
    """The error of this package that says what `error` says."""
    details = _read_details(error)
    if error.code() is StatusCode.INTERNAL and error.details() == _BROKEN_WHILE_WRITING:
        return UnavailableError(
            StatusCode.UNAVAILABLE, "the connection broke while a request was sent", details
        )
    kind = _BY_REASON.get(details.reason) or _BY_CODE.get(error.code(), OutdialError)
    return kind(error.code(), error.details() or error.code().name, details)


def _read_details(error: AioRpcError) -> ErrorDetails:
    trailing = _pairs(error.trailing_metadata())
    packed = _read_status(trailing).details
    info = _first(packed, ErrorInfo)
    bad_request = _first(packed, BadRequest)
    precondition = _first(packed, PreconditionFailure)
    return ErrorDetails(
        reason=info.reason,
        metadata=dict(info.metadata),
        fields=tuple(FieldViolation(v.field, v.description) for v in bad_request.field_violations),
        preconditions=tuple(
            PreconditionViolation(v.type, v.subject, v.description) for v in precondition.violations
        ),
        retry_after=_retry_after(packed),
        request_id=_value(trailing, _REQUEST_ID_KEY)
        or _value(_pairs(error.initial_metadata()), _REQUEST_ID_KEY)
        or info.metadata.get("request_id", ""),
    )


def _retry_after(packed: Iterable[AnyMessage]) -> timedelta | None:
    retry = _first(packed, RetryInfo)
    return retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None


def _read_status(trailing: _Metadata) -> Status:
    raw = _value(trailing, _STATUS_KEY)
    try:
        return Status.FromString(raw) if raw else Status()
    except DecodeError:
        # A proxy in between has mangled it: code and message still stand.
        return Status()


def _first(packed: Iterable[AnyMessage], kind: type[_Detail]) -> _Detail:
    detail = kind()
    for candidate in packed:
        if candidate.Unpack(detail):
            break
    return detail


def _pairs(metadata: Any) -> list[tuple[str, Any]]:
    return list(metadata or ())


def _value(metadata: _Metadata, key: str) -> Any:
    return next((value for name, value in metadata if name == key), None) or ""
