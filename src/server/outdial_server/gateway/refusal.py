"""Why a request came to nothing, for each surface to say in its own way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from outdial_server.domain.errors import FieldViolation


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is one of google.rpc.Code, `reason` one of the contract's ErrorReason without its
    prefix, and fields are named as the contract names them."""

    code: int
    reason: str
    message: str
    fields: tuple[FieldViolation, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    # In whole seconds, and never too early.
    retry_after_seconds: int | None = None
    # Found by the surface itself: fields are named as it names them.
    is_own: bool = False


def refusal_of(status: Status) -> Refusal:
    info, bad = ErrorInfo(), BadRequest()
    for detail in status.details:
        if not detail.Unpack(info):
            detail.Unpack(bad)
    return Refusal(
        status.code,
        info.reason,
        status.message,
        tuple(FieldViolation(one.field, one.description) for one in bad.field_violations),
        dict(info.metadata),
        retry_after_seconds(status),
    )


def retry_after_seconds(status: Status) -> int | None:
    """In whole seconds, and never too early."""
    for detail in status.details:
        info = RetryInfo()
        if detail.Unpack(info):
            delay = info.retry_delay
            return max(1, int(delay.seconds) + (delay.nanos > 0))
    return None
