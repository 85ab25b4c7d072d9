"""What can go wrong for a caller, drawn once; each surface maps it to its own codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX


class Reason(Enum):
    """Machine-readable reasons; the names are those of `outdial.v1.ErrorReason`."""

    INVALID_FIELD = "INVALID_FIELD"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    RESUME_TOKEN_INVALID = "RESUME_TOKEN_INVALID"
    DUPLICATE_ADDRESS = "DUPLICATE_ADDRESS"
    API_KEY_MISSING = "API_KEY_MISSING"
    API_KEY_INVALID = "API_KEY_INVALID"
    SCOPE_MISSING = "SCOPE_MISSING"
    LIMIT_RAISE_NEEDS_OPERATOR = "LIMIT_RAISE_NEEDS_OPERATOR"
    ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
    API_KEY_NOT_FOUND = "API_KEY_NOT_FOUND"
    AGENT_NOT_FOUND = "AGENT_NOT_FOUND"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    SCHEDULED_CALL_NOT_FOUND = "SCHEDULED_CALL_NOT_FOUND"
    CALL_NOT_FOUND = "CALL_NOT_FOUND"
    AGENT_NAME_TAKEN = "AGENT_NAME_TAKEN"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    BATCH_STATE = "BATCH_STATE"
    BATCH_EMPTY = "BATCH_EMPTY"
    AGENT_IN_USE = "AGENT_IN_USE"
    CARRIER_NOT_CONFIGURED = "CARRIER_NOT_CONFIGURED"
    SCHEDULED_CALL_NOT_WAITING = "SCHEDULED_CALL_NOT_WAITING"
    SCHEDULED_CALL_NOT_ENDED = "SCHEDULED_CALL_NOT_ENDED"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    CALL_NOT_LIVE = "CALL_NOT_LIVE"
    CALL_NOT_UNKNOWN = "CALL_NOT_UNKNOWN"
    EVENTS_ERASED = "EVENTS_ERASED"
    SERVER_DRAINING = "SERVER_DRAINING"
    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    IMPORT_NOT_FOUND = "IMPORT_NOT_FOUND"
    IMPORT_REFUSED = "IMPORT_REFUSED"
    IMPORT_INCOMPLETE = "IMPORT_INCOMPLETE"
    BATCH_CHANGED = "BATCH_CHANGED"
    SUPPRESSION_NOT_FOUND = "SUPPRESSION_NOT_FOUND"
    AGENT_INACTIVE = "AGENT_INACTIVE"
    WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
    TOO_MANY_WEBHOOKS = "TOO_MANY_WEBHOOKS"
    THROTTLE_NOT_FOUND = "THROTTLE_NOT_FOUND"
    THROTTLE_NAME_TAKEN = "THROTTLE_NAME_TAKEN"
    THROTTLE_IN_USE = "THROTTLE_IN_USE"
    WINDOW_TOO_SHORT = "WINDOW_TOO_SHORT"
    CONTACT_FOLDER_NOT_FOUND = "CONTACT_FOLDER_NOT_FOUND"
    CONTACT_NOT_FOUND = "CONTACT_NOT_FOUND"
    CONTACT_EXISTS = "CONTACT_EXISTS"
    CONTACT_FOLDER_EMPTY = "CONTACT_FOLDER_EMPTY"
    CONTACT_FOLDER_IN_USE = "CONTACT_FOLDER_IN_USE"
    PHONE_NUMBER_NOT_FOUND = "PHONE_NUMBER_NOT_FOUND"
    PHONE_NUMBER_TAKEN = "PHONE_NUMBER_TAKEN"
    PHONE_NUMBER_BOUND = "PHONE_NUMBER_BOUND"
    TOO_MANY_NUMBERS = "TOO_MANY_NUMBERS"
    CARRIER_CONFIG_NOT_FOUND = "CARRIER_CONFIG_NOT_FOUND"
    CARRIER_CONFIG_NAME_TAKEN = "CARRIER_CONFIG_NAME_TAKEN"
    CARRIER_CONFIG_IN_USE = "CARRIER_CONFIG_IN_USE"
    CARRIER_MISMATCH = "CARRIER_MISMATCH"
    NO_FREE_SLOT = "NO_FREE_SLOT"
    CALL_HELD_BACK = "CALL_HELD_BACK"
    ADDRESS_SUPPRESSED = "ADDRESS_SUPPRESSED"
    TOO_MANY_CALLS_WAIT = "TOO_MANY_CALLS_WAIT"
    CALL_IS_DIRECT = "CALL_IS_DIRECT"
    AGENT_HAS_NO_JOIN_URL = "AGENT_HAS_NO_JOIN_URL"
    JOIN_URL_UNFIT = "JOIN_URL_UNFIT"
    CARRIER_CREDENTIALS_REFUSED = "CARRIER_CREDENTIALS_REFUSED"
    PHONE_NUMBER_IN_USE = "PHONE_NUMBER_IN_USE"
    NO_USABLE_NUMBER = "NO_USABLE_NUMBER"
    TOO_MANY_EXTERNAL_CALLS = "TOO_MANY_EXTERNAL_CALLS"
    CALL_NOT_SENT = "CALL_NOT_SENT"
    CALL_PAYLOAD_ERASED = "CALL_PAYLOAD_ERASED"
    WEBHOOK_INACTIVE = "WEBHOOK_INACTIVE"
    WEBHOOK_EVENT_NOT_FOUND = "WEBHOOK_EVENT_NOT_FOUND"
    REDELIVERY_TOO_LARGE = "REDELIVERY_TOO_LARGE"
    CALL_PLACED_ELSEWHERE = "CALL_PLACED_ELSEWHERE"
    CALL_NOT_ENDED = "CALL_NOT_ENDED"
    DATABASE_FULL = "DATABASE_FULL"
    DATABASE_READ_ONLY = "DATABASE_READ_ONLY"


class OutdialError(Exception):
    """A refusal that the caller can act on. Anything else that is raised is our fault."""

    def __init__(
        self, reason: Reason, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = metadata or {}


class NotFoundError(OutdialError):
    """No such resource in the caller's account."""


class AlreadyExistsError(OutdialError):
    """The name or the request id is taken."""


class PreconditionError(OutdialError):
    """The request does not fit the resource's state."""


class ConflictError(OutdialError):
    """Somebody else changed the resource in between."""


class UnauthenticatedError(OutdialError):
    """No key, or not a valid one."""


class PermissionDeniedError(OutdialError):
    """The key may not do this."""


class UnavailableError(OutdialError):
    """Not now; the same request may succeed later."""


class ExhaustedError(OutdialError):
    """A limit has no room; the same request may succeed after `retry_after`."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta = timedelta(seconds=1),
    ) -> None:
        super().__init__(reason, message, metadata)
        self.retry_after = retry_after


class OutOfRangeError(OutdialError):
    """The range asked for is gone."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it. `field` is a proto path,
    for example `scheduled_calls[6].address`."""

    field: str
    description: str


class InvalidFieldsError(OutdialError):
    """The request itself is wrong. Holds the first `FIELD_VIOLATIONS_MAX` faults."""

    def __init__(
        self,
        violations: Sequence[FieldViolation],
        reason: Reason = Reason.INVALID_FIELD,
        metadata: Mapping[str, str] | None = None,
        count: int = 0,
    ) -> None:
        """`count`: how many faults there are, where not all of them are given."""
        self.violations = tuple(violations[:FIELD_VIOLATIONS_MAX])
        first = self.violations[0]
        more = max(count, len(violations)) - 1
        tail = f" (and {more} more)" if more else ""
        super().__init__(reason, f"{first.field}: {first.description}{tail}", metadata)


def invalid_field(field: str, description: str) -> InvalidFieldsError:
    return InvalidFieldsError([FieldViolation(field, description)])
