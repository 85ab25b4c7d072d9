"""Values of an enum as they are typed: `no-answer`, not `DISPOSITION_NO_ANSWER`."""

from dataclasses import dataclass
from typing import Any

import typer
from outdial.v1.account_pb2 import ApiKeyScope
from outdial.v1.batch_pb2 import (
    BatchState,
    ConfigErrorPolicy,
    DuplicatePolicy,
    Pacing,
    RetryCallerId,
    Rotation,
    UnknownPolicy,
)
from outdial.v1.call_pb2 import CallState, Speaker
from outdial.v1.call_service_pb2 import CallResolution
from outdial.v1.calling_hours_pb2 import TimeZoneSource
from outdial.v1.event_pb2 import EventType
from outdial.v1.explanation_pb2 import GateLevel
from outdial.v1.phone_number_pb2 import PhoneNumberCapability
from outdial.v1.scheduled_call_pb2 import Disposition, Medium, ScheduledCallState
from outdial.v1.webhook_delivery_pb2 import WebhookDeliveryState
from outdial.v1.webhook_pb2 import WebhookFormat, WebhookHealth
from outdial.v1.window_pb2 import LengthSource, WindowCheck


@dataclass(frozen=True, slots=True)
class Choices:
    """The values of one enum but the unspecified one."""

    enum: Any
    prefix: str

    @property
    def words(self) -> list[str]:
        """How they are typed."""
        return [self.word(value) for value in self.enum.values() if value]

    @property
    def listed(self) -> str:
        """The words in one text."""
        return ", ".join(self.words)

    def word(self, value: int) -> str:
        """How one is typed."""
        return str(self.name(value)).lower().replace("_", "-")

    def name(self, value: int) -> str:
        """`NO_ANSWER`; the bare number of a value that only a newer server knows."""
        known = value in self.enum.values()
        return self.enum.Name(value).removeprefix(self.prefix) if known else str(value)

    def full_name(self, value: int) -> str:
        """`DISPOSITION_NO_ANSWER`, as JSON has it."""
        return f"{self.prefix}{self.name(value)}" if value in self.enum.values() else str(value)

    def spoken(self, value: int) -> str:
        """`no answer`; empty for the unspecified one."""
        return self.name(value).replace("_", " ").lower() if value else ""

    def parse(self, text: str) -> int:
        """Any spelling, the full name too; a usage error that lists what there is."""
        short = text.upper().replace("-", "_").replace(" ", "_").removeprefix(self.prefix)
        values = {self.name(value): value for value in self.enum.values() if value}
        if short not in values:
            raise typer.BadParameter(f"{text!r} is none of {self.listed}")
        return int(values[short])

    def complete(self, incomplete: str) -> list[str]:
        """For the shell."""
        return [word for word in self.words if word.startswith(incomplete.lower())]


API_KEY_SCOPES = Choices(ApiKeyScope, "API_KEY_SCOPE_")
BATCH_STATES = Choices(BatchState, "BATCH_STATE_")
CALL_STATES = Choices(CallState, "CALL_STATE_")
CONFIG_ERROR_POLICIES = Choices(ConfigErrorPolicy, "CONFIG_ERROR_POLICY_")
DISPOSITIONS = Choices(Disposition, "DISPOSITION_")
DUPLICATE_POLICIES = Choices(DuplicatePolicy, "DUPLICATE_POLICY_")
EVENT_TYPES = Choices(EventType, "EVENT_TYPE_")
GATE_LEVELS = Choices(GateLevel, "GATE_LEVEL_")
MEDIA = Choices(Medium, "MEDIUM_")
PACINGS = Choices(Pacing, "PACING_")
NUMBER_CAPABILITIES = Choices(PhoneNumberCapability, "PHONE_NUMBER_CAPABILITY_")
RESOLUTIONS = Choices(CallResolution, "CALL_RESOLUTION_")
ROTATIONS = Choices(Rotation, "ROTATION_")
RETRY_CALLER_IDS = Choices(RetryCallerId, "RETRY_CALLER_ID_")
SPEAKERS = Choices(Speaker, "SPEAKER_")
SCHEDULED_CALL_STATES = Choices(ScheduledCallState, "SCHEDULED_CALL_STATE_")
DELIVERY_STATES = Choices(WebhookDeliveryState, "WEBHOOK_DELIVERY_STATE_")
WEBHOOK_FORMATS = Choices(WebhookFormat, "WEBHOOK_FORMAT_")
WEBHOOK_HEALTHS = Choices(WebhookHealth, "WEBHOOK_HEALTH_")
WINDOW_CHECKS = Choices(WindowCheck, "WINDOW_CHECK_")
LENGTH_SOURCES = Choices(LengthSource, "LENGTH_SOURCE_")
UNKNOWN_POLICIES = Choices(UnknownPolicy, "UNKNOWN_POLICY_")
ZONE_SOURCES = Choices(TimeZoneSource, "TIME_ZONE_SOURCE_")


def choice(choices: Choices, metavar: str, help: str) -> Any:  # noqa: A002 - as typer calls it
    """An option whose value is one of an enum."""
    return typer.Option(
        parser=choices.parse,
        metavar=metavar,
        autocompletion=choices.complete,
        help=f"{help} One of {choices.listed}.",
    )
