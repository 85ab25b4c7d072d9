"""Errors of the server, by what a caller can do about them.

OutdialError
├─ InvalidArgumentError      fields names each one
│  └─ ImportRefusedError     rows have faults; import_id finds them all
├─ UnauthenticatedError      no key, or one that does not work
├─ PermissionDeniedError     the key lacks a scope
├─ NotFoundError
├─ AlreadyExistsError
├─ FailedPreconditionError   not possible in the present state
├─ AbortedError              somebody else was faster; read and try again
├─ OutOfRangeError
│  └─ EventsErasedError      watch again without a token
├─ ResourceExhaustedError    a limit has no room; retry_after says when to try again
├─ UnavailableError          the server cannot be reached, or is stopping
│  └─ ImportInterruptedError repeat it with its repeat_request_id
├─ DeadlineExceededError
├─ RequestCancelledError
├─ UnimplementedError        the server is older than this client
└─ InternalError             a fault of the server
   └─ EventGapError          a watch kept losing events

`docs/errors.md` lists the reasons of each, with causes and remedies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Self

from grpc import StatusCode


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request."""

    field: str
    """Path in the request, for example `scheduled_calls[6].address`."""
    description: str


@dataclass(frozen=True, slots=True)
class PreconditionViolation:
    """What would have to change before a request can succeed."""

    type: str
    subject: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetails:
    """What an answer said beside its code and message."""

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[FieldViolation, ...] = ()
    preconditions: tuple[PreconditionViolation, ...] = ()
    retry_after: timedelta | None = None
    request_id: str = ""


class OutdialError(Exception):
    """An answer of the server that is not OK, or no answer at all."""

    def __init__(self, code: StatusCode, message: str, details: ErrorDetails | None = None) -> None:
        self.code = code
        self.message = message
        self.details = details or ErrorDetails()
        super().__init__(_render(code, message, self.details))

    def __reduce__(self) -> tuple[object, ...]:  # type: ignore[explicit-override]
        # An exception is made anew from its text alone, which is not what this one takes:
        # a process pool could not hand it back.
        return type(self), (self.code, self.message, self.details), self.__dict__

    @property
    def reason(self) -> str:
        """Why, for programs: a name of `ErrorReason` without its prefix, or empty."""
        return self.details.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """Figures that belong to the reason, for example `state`."""
        return self.details.metadata

    @property
    def request_id(self) -> str:
        """Finds the request in the server's log; empty when no server was reached."""
        return self.details.request_id

    @property
    def retry_after(self) -> timedelta | None:
        """How long the server asks to wait before another try, if it does."""
        return self.details.retry_after


def _render(code: StatusCode, message: str, details: ErrorDetails) -> str:
    tag = details.reason or code.name
    if details.request_id:
        tag += f", request {details.request_id}"
    faults = [f"{fault.field}: {fault.description}" for fault in details.fields]
    faults += [f"{fault.subject}: {fault.description}" for fault in details.preconditions]
    return "\n  ".join([f"{message} [{tag}]", *faults])


class InvalidArgumentError(OutdialError):
    """The request is wrong, whatever state the server is in."""

    @property
    def fields(self) -> tuple[FieldViolation, ...]:
        """Each field that is wrong; of long lists the first 100."""
        return self.details.fields


class ImportRefusedError(InvalidArgumentError):
    """Rows have faults and nothing was added; `fields` names the first of them.

    `batches.import_findings(error)` goes over all of them.
    """

    columns: Mapping[str, str] = MappingProxyType({})
    """The column of the file that each field came from; empty for rows of a program."""

    @property
    def import_id(self) -> str:
        """For `batches.import_findings`."""
        return self.metadata.get("import_id", "")


class UnauthenticatedError(OutdialError):
    """No API key was sent, or it is unknown, revoked or expired."""


class PermissionDeniedError(OutdialError):
    """The key lacks a scope, named in `metadata["scope"]`."""


class NotFoundError(OutdialError):
    """No such thing in this account."""


class AlreadyExistsError(OutdialError):
    """A name is taken, or a request id was used for something else."""


class FailedPreconditionError(OutdialError):
    """Not possible in the present state."""

    @property
    def violations(self) -> tuple[PreconditionViolation, ...]:
        """What would have to change first."""
        return self.details.preconditions


class AbortedError(OutdialError):
    """Somebody else changed the resource since it was read: read it and try again."""


class OutOfRangeError(OutdialError):
    """Asked for something before the beginning or behind the end."""


class EventsErasedError(OutOfRangeError):
    """Events after the given place were erased by retention: start again without a token."""

    @property
    def oldest_sequence(self) -> int:
        """The oldest event that is still there; 0 when the server did not say."""
        return int(self.metadata.get("oldest_sequence", "0"))


class ResourceExhaustedError(OutdialError):
    """A limit of the server, or a message that is too large."""


class UnavailableError(OutdialError):
    """The server cannot be reached, is stopping, or lacks something that it needs."""


class ImportInterruptedError(UnavailableError):
    """The connection broke during an import. It has added all of its rows or none.

    The same import with `request_id=error.repeat_request_id` makes sure, and adds
    nothing twice.
    """

    repeat_request_id: str = ""

    @classmethod
    def of(cls, error: OutdialError, repeat_request_id: str) -> Self:
        """The same as `error`, with what it needs to be repeated."""
        interrupted = cls(error.code, error.message, error.details)
        interrupted.repeat_request_id = repeat_request_id
        return interrupted


class DeadlineExceededError(OutdialError):
    """No answer in time. The request may have been carried out all the same."""


class RequestCancelledError(OutdialError):
    """The server or something on the way cancelled the request."""


class UnimplementedError(OutdialError):
    """The server does not know this request: it is older than this client."""


class InternalError(OutdialError):
    """A fault of the server; `request_id` finds it in the log."""


class EventGapError(InternalError):
    """A watch of every event missed some, and connecting anew did not bring them."""
