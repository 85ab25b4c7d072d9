"""Enums, paired by name: the numbers on the wire and in the domain may differ."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, Generic, Protocol, TypeVar

from outdial.v1 import (
    account_pb2,
    batch_pb2,
    call_pb2,
    call_service_pb2,
    calling_hours_pb2,
    event_pb2,
    explanation_pb2,
    import_pb2,
    phone_number_pb2,
    scheduled_call_pb2,
    webhook_delivery_pb2,
    webhook_pb2,
    window_pb2,
)

from outdial_server.commands.resolve_call import Resolution
from outdial_server.domain.account import Scope
from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import (
    ConfigErrorPolicy,
    DuplicatePolicy,
    RetryCallerId,
    UnknownPolicy,
)
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.conversation import Speaker
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.event import EventType
from outdial_server.domain.explanation import GateLevel
from outdial_server.domain.imports import BadRowPolicy, FindingKind, ImportState
from outdial_server.domain.medium import Medium
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.phone_number import Capability
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.time_zones import TimeZoneSource, ZoneRule
from outdial_server.domain.webhook import WebhookHealth
from outdial_server.domain.webhook_delivery import DeliveryState
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.window_estimate import LengthSource, WindowCheck

D = TypeVar("D", bound=Enum)
V = TypeVar("V", bound=int)
V_co = TypeVar("V_co", bound=int, covariant=True)


class MessageEnum(Protocol[V_co]):
    """A generated enum."""

    def Value(self, name: str) -> V_co: ...

    def values(self) -> Iterable[V_co]: ...


class EnumPair(Generic[D, V]):
    """A domain enum and its message enum, whose values are named `PREFIX_NAME`.

    `renamed` are values with another name on the wire; `unspecified` is the one that
    `PREFIX_UNSPECIFIED` stands for, where the domain has a value for it.
    """

    def __init__(
        self,
        domain: type[D],
        message: MessageEnum[V],
        prefix: str,
        *,
        renamed: Mapping[D, str] | None = None,
        unspecified: D | None = None,
    ) -> None:
        self.domain = domain
        self.message = message
        self._prefix = prefix
        self._unspecified = message.Value(f"{prefix}_UNSPECIFIED")
        self._default = unspecified
        self._to_message: dict[D | None, V] = {
            value: message.Value(f"{prefix}_{(renamed or {}).get(value, value.name)}")
            for value in domain
            if value is not unspecified
        }
        self._from_message: dict[int, D] = {
            number: value for value, number in self._to_message.items() if value is not None
        }
        self._to_message |= {None: self._unspecified, unspecified: self._unspecified}

    def to_message(self, value: D | None) -> V:
        return self._to_message[value]

    def from_message(self, number: int, path: str, default: D | None = None) -> D:
        """UNSPECIFIED is `default`, or a fault where there is none. A number that this
        server does not know is a fault: the enums are open on the wire."""
        value = self._from_message.get(number)
        if value is not None:
            return value
        if number != self._unspecified:
            raise invalid_field(path, f"{number} is no {self._prefix} that this server knows")
        if default is None:
            raise invalid_field(path, "is required")
        return default

    def optional(self, number: int, path: str) -> D | None:
        return None if number == self._unspecified else self.from_message(number, path)

    def each(self, numbers: Iterable[int], path: str) -> tuple[D, ...]:
        return tuple(
            self.from_message(n, f"{path}[{i}]", self._default) for i, n in enumerate(numbers)
        )


BATCH_STATE: Final = EnumPair(BatchState, batch_pb2.BatchState, "BATCH_STATE")
UNKNOWN_POLICY: Final = EnumPair(UnknownPolicy, batch_pb2.UnknownPolicy, "UNKNOWN_POLICY")
DUPLICATE_POLICY: Final = EnumPair(DuplicatePolicy, batch_pb2.DuplicatePolicy, "DUPLICATE_POLICY")
CONFIG_ERROR_POLICY: Final = EnumPair(
    ConfigErrorPolicy, batch_pb2.ConfigErrorPolicy, "CONFIG_ERROR_POLICY"
)
ZONE_RULE: Final = EnumPair(ZoneRule, calling_hours_pb2.ZoneRule, "ZONE_RULE")
TIME_ZONE_SOURCE: Final = EnumPair(
    TimeZoneSource, calling_hours_pb2.TimeZoneSource, "TIME_ZONE_SOURCE"
)
ROTATION: Final = EnumPair(Rotation, batch_pb2.Rotation, "ROTATION")
MEDIUM: Final = EnumPair(Medium, scheduled_call_pb2.Medium, "MEDIUM")
PACING: Final = EnumPair(Pacing, batch_pb2.Pacing, "PACING")
PHONE_NUMBER_CAPABILITY: Final = EnumPair(
    Capability, phone_number_pb2.PhoneNumberCapability, "PHONE_NUMBER_CAPABILITY"
)
WINDOW_CHECK: Final = EnumPair(WindowCheck, window_pb2.WindowCheck, "WINDOW_CHECK")
LENGTH_SOURCE: Final = EnumPair(LengthSource, window_pb2.LengthSource, "LENGTH_SOURCE")
RETRY_CALLER_ID: Final = EnumPair(RetryCallerId, batch_pb2.RetryCallerId, "RETRY_CALLER_ID")
SCHEDULED_CALL_STATE: Final = EnumPair(
    ScheduledCallState, scheduled_call_pb2.ScheduledCallState, "SCHEDULED_CALL_STATE"
)
DISPATCH_OUTCOME: Final = EnumPair(
    DispatchOutcome,
    scheduled_call_pb2.DispatchOutcome,
    "DISPATCH_OUTCOME",
    unspecified=DispatchOutcome.NONE,
)
DISPOSITION: Final = EnumPair(Disposition, scheduled_call_pb2.Disposition, "DISPOSITION")
# Of calls that a worker has only claimed direct ones alone are shown.
CALL_STATE: Final = EnumPair(
    CallState, call_pb2.CallState, "CALL_STATE", renamed={CallState.CLAIMED: "WAITING"}
)
SPEAKER: Final = EnumPair(Speaker, call_pb2.Speaker, "SPEAKER")
CALL_RESOLUTION: Final = EnumPair(Resolution, call_service_pb2.CallResolution, "CALL_RESOLUTION")
EVENT_TYPE: Final = EnumPair(EventType, event_pb2.EventType, "EVENT_TYPE")
WEBHOOK_HEALTH: Final = EnumPair(WebhookHealth, webhook_pb2.WebhookHealth, "WEBHOOK_HEALTH")
WEBHOOK_FORMAT: Final = EnumPair(WebhookFormat, webhook_pb2.WebhookFormat, "WEBHOOK_FORMAT")
DELIVERY_STATE: Final = EnumPair(
    DeliveryState, webhook_delivery_pb2.WebhookDeliveryState, "WEBHOOK_DELIVERY_STATE"
)
GATE_LEVEL: Final = EnumPair(GateLevel, explanation_pb2.GateLevel, "GATE_LEVEL")
API_KEY_SCOPE: Final = EnumPair(Scope, account_pb2.ApiKeyScope, "API_KEY_SCOPE")
BAD_ROW_POLICY: Final = EnumPair(BadRowPolicy, import_pb2.BadRowPolicy, "BAD_ROW_POLICY")
IMPORT_STATE: Final = EnumPair(ImportState, import_pb2.ImportState, "IMPORT_STATE")
FINDING_KIND: Final = EnumPair(FindingKind, import_pb2.FindingKind, "FINDING_KIND")
