"""Client of Outdial, the scheduler of outbound calls."""

from outdial.v1.account_pb2 import Account, ApiKey, ApiKeyScope
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import (
    Batch,
    BatchCounts,
    BatchState,
    ConfigErrorPolicy,
    DuplicatePolicy,
    Pacing,
    RetryCallerId,
    Rotation,
    UnknownPolicy,
)
from outdial.v1.batch_service_pb2 import (
    WatchBatchesResponse,
    WatchBatchResponse,
    WatchDelivery,
    WatchScope,
)
from outdial.v1.call_pb2 import (
    Call,
    CallState,
    CollectedValue,
    Conversation,
    Evaluation,
    Speaker,
    Utterance,
)
from outdial.v1.call_service_pb2 import CallJoined, CallOver, CallResolution
from outdial.v1.calling_hours_pb2 import TimeZoneSource, Weekday, ZoneRule
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import (
    PlivoCredentials,
    SipCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.event_pb2 import Event, EventType
from outdial.v1.explanation_pb2 import (
    BatchExplanation,
    BlockedRows,
    BoundedCount,
    Gate,
    GateLevel,
    ScheduledCallExplanation,
    Verdict,
)
from outdial.v1.external_call_pb2 import ExternalCall
from outdial.v1.forecast_pb2 import (
    CallsForecast,
    CountRange,
    Forecast,
    ForecastBasis,
    ForecastPoint,
    LimitForecast,
    PeopleForecast,
    SkipsForecast,
    TimeRange,
)
from outdial.v1.import_pb2 import BadRowPolicy, FindingKind, Import, ImportState
from outdial.v1.phone_number_pb2 import PhoneNumber, PhoneNumberCapability
from outdial.v1.scheduled_call_pb2 import (
    DispatchOutcome,
    Disposition,
    Medium,
    ScheduledCall,
    ScheduledCallState,
)
from outdial.v1.scheduled_call_service_pb2 import ScheduledCallResult
from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from outdial.v1.webhook_delivery_pb2 import WebhookDelivery, WebhookDeliveryState
from outdial.v1.webhook_pb2 import Webhook, WebhookFormat, WebhookHealth
from outdial.v1.window_pb2 import LengthSource, WindowCheck, WindowEstimate

from outdial_client._calling_hours import CallingHours
from outdial_client._channel import TlsConfig
from outdial_client._client import Client
from outdial_client._contact_columns import ContactColumns
from outdial_client._csv_columns import CsvColumns, CsvFileError
from outdial_client._errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlineExceededError,
    ErrorDetails,
    EventGapError,
    EventsErasedError,
    FailedPreconditionError,
    FieldViolation,
    ImportInterruptedError,
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
from outdial_client._export import ResultExport
from outdial_client._imports import ContactImportResult, ImportFinding, ImportProgress, ImportResult
from outdial_client._inputs import (
    NewAgent,
    NewBatch,
    NewCall,
    NewContact,
    NewDirectCall,
    NewPhoneNumber,
)
from outdial_client._interruptions import WatchInterruption
from outdial_client._number_rules import NumberRules
from outdial_client._pager import Page, Pager
from outdial_client._result_files import ExportProgress
from outdial_client._retry_policy import RetryBackoff, RetryPolicy
from outdial_client._watch import BatchWatch
from outdial_client._watch_all import BatchesWatch
from outdial_client._watch_timing import WatchTiming

__all__ = [
    "AbortedError",
    "Account",
    "Agent",
    "AlreadyExistsError",
    "ApiKey",
    "ApiKeyScope",
    "BadRowPolicy",
    "Batch",
    "BatchCounts",
    "BatchExplanation",
    "BatchState",
    "BatchWatch",
    "BatchesWatch",
    "BlockedRows",
    "BoundedCount",
    "Call",
    "CallJoined",
    "CallOver",
    "CallResolution",
    "CallState",
    "CallingHours",
    "CallsForecast",
    "CarrierConfig",
    "Client",
    "CollectedValue",
    "ConfigErrorPolicy",
    "Contact",
    "ContactColumns",
    "ContactFolder",
    "ContactImportResult",
    "Conversation",
    "CountRange",
    "CsvColumns",
    "CsvFileError",
    "DeadlineExceededError",
    "DispatchOutcome",
    "Disposition",
    "DuplicatePolicy",
    "ErrorDetails",
    "Evaluation",
    "Event",
    "EventGapError",
    "EventType",
    "EventsErasedError",
    "ExportProgress",
    "ExternalCall",
    "FailedPreconditionError",
    "FieldViolation",
    "FindingKind",
    "Forecast",
    "ForecastBasis",
    "ForecastPoint",
    "Gate",
    "GateLevel",
    "Import",
    "ImportFinding",
    "ImportInterruptedError",
    "ImportProgress",
    "ImportRefusedError",
    "ImportResult",
    "ImportState",
    "InternalError",
    "InvalidArgumentError",
    "LengthSource",
    "LimitForecast",
    "Medium",
    "NewAgent",
    "NewBatch",
    "NewCall",
    "NewContact",
    "NewDirectCall",
    "NewPhoneNumber",
    "NotFoundError",
    "NumberRules",
    "OutOfRangeError",
    "OutdialError",
    "Pacing",
    "Page",
    "Pager",
    "PeopleForecast",
    "PermissionDeniedError",
    "PhoneNumber",
    "PhoneNumberCapability",
    "PlivoCredentials",
    "PreconditionViolation",
    "RequestCancelledError",
    "ResourceExhaustedError",
    "ResultExport",
    "RetryBackoff",
    "RetryCallerId",
    "RetryPolicy",
    "Rotation",
    "ScheduledCall",
    "ScheduledCallExplanation",
    "ScheduledCallResult",
    "ScheduledCallState",
    "SipCredentials",
    "SkipsForecast",
    "Speaker",
    "Suppression",
    "TelnyxCredentials",
    "Throttle",
    "ThrottleRule",
    "TimeRange",
    "TimeZoneSource",
    "TlsConfig",
    "TwilioCredentials",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownPolicy",
    "Utterance",
    "Verdict",
    "WatchBatchResponse",
    "WatchBatchesResponse",
    "WatchDelivery",
    "WatchInterruption",
    "WatchScope",
    "WatchTiming",
    "Webhook",
    "WebhookDelivery",
    "WebhookDeliveryState",
    "WebhookFormat",
    "WebhookHealth",
    "Weekday",
    "WindowCheck",
    "WindowEstimate",
    "ZoneRule",
]
