"""Client of Outdial, the scheduler of outbound calls."""

from outdial.v1.account_pb2 import Account, ApiKey, ApiKeyScope
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import (
    Batch,
    BatchCounts,
    BatchState,
    ConfigErrorPolicy,
    DuplicatePolicy,
    UnknownPolicy,
)
from outdial.v1.batch_service_pb2 import WatchBatchResponse, WatchDelivery, WatchScope
from outdial.v1.call_pb2 import Call, CallState
from outdial.v1.call_service_pb2 import CallResolution
from outdial.v1.event_pb2 import Event, EventType
from outdial.v1.scheduled_call_pb2 import (
    DispatchOutcome,
    Disposition,
    ScheduledCall,
    ScheduledCallState,
)

from outdial_client._channel import TlsConfig
from outdial_client._client import Client
from outdial_client._errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlineExceededError,
    ErrorDetails,
    EventGapError,
    EventsErasedError,
    FailedPreconditionError,
    FieldViolation,
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
from outdial_client._inputs import NewBatch, NewCall
from outdial_client._pager import Page, Pager
from outdial_client._watch import BatchWatch, WatchInterruption
from outdial_client._watch_timing import WatchTiming

__all__ = [
    "AbortedError",
    "Account",
    "Agent",
    "AlreadyExistsError",
    "ApiKey",
    "ApiKeyScope",
    "Batch",
    "BatchCounts",
    "BatchState",
    "BatchWatch",
    "Call",
    "CallResolution",
    "CallState",
    "Client",
    "ConfigErrorPolicy",
    "DeadlineExceededError",
    "DispatchOutcome",
    "Disposition",
    "DuplicatePolicy",
    "ErrorDetails",
    "Event",
    "EventGapError",
    "EventType",
    "EventsErasedError",
    "FailedPreconditionError",
    "FieldViolation",
    "InternalError",
    "InvalidArgumentError",
    "NewBatch",
    "NewCall",
    "NotFoundError",
    "OutOfRangeError",
    "OutdialError",
    "Page",
    "Pager",
    "PermissionDeniedError",
    "PreconditionViolation",
    "RequestCancelledError",
    "ResourceExhaustedError",
    "ScheduledCall",
    "ScheduledCallState",
    "TlsConfig",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownPolicy",
    "WatchBatchResponse",
    "WatchDelivery",
    "WatchInterruption",
    "WatchScope",
    "WatchTiming",
]
