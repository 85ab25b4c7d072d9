"""What callers give: batches, and rows to call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.struct_pb2 import Struct
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import (
    Batch,
    ConfigErrorPolicy,
    DuplicatePolicy,
    Pacing,
    RetryCallerId,
    Rotation,
    UnknownPolicy,
)
from outdial.v1.call_service_pb2 import CreateCallRequest
from outdial.v1.calling_hours_pb2 import ZoneRule
from outdial.v1.contact_pb2 import Contact, ContactSelection
from outdial.v1.phone_number_pb2 import PhoneNumber, PhoneNumberCapability
from outdial.v1.scheduled_call_pb2 import Medium, ScheduledCall
from outdial.v1.window_pb2 import WindowCheck

from outdial_client._calling_hours import CallingHours
from outdial_client._retry_policy import RetryPolicy
from outdial_client._times import to_duration, to_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """One person to be called."""

    address: str
    """A phone number in E.164 form, or a SIP URI."""
    custom_id: str = ""
    time_zone: str = ""
    """The person's IANA zone, for example `Europe/Vienna`; counts before every other."""
    caller_id: str = ""
    """Number to show; overrides the batch's."""
    priority: int = 0
    """0 to 9; higher is called first."""
    ring_timeout: timedelta | None = None
    """How long this phone may ring, 1 s to 600 s; None means as the batch says."""
    max_call_duration: timedelta | None = None
    """How long the call may last, 1 s to 24 h; None means as the batch says."""
    medium: Medium.ValueType = Medium.MEDIUM_UNSPECIFIED
    """Who sees to it that the person is reached; unless said otherwise as the batch says."""
    carrier_config: str = ""
    """Id or name of the carrier config that this person is dialled with; comes before the
    batch's and the number's, and may be at another carrier."""
    template_context: Mapping[str, Any] = field(default_factory=dict)
    """Values for the agent's templates: anything that JSON can say."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """Kept and given back; nobody else looks at them."""
    carrier_params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the carrier's own; each comes before the batch's, which count only without a
    `carrier_config`."""

    def to_message(self) -> ScheduledCall:
        """The same as it is sent."""
        return ScheduledCall(
            address=self.address,
            custom_id=self.custom_id,
            time_zone=self.time_zone,
            caller_id=self.caller_id,
            priority=self.priority,
            ring_timeout=to_duration(self.ring_timeout),
            max_call_duration=to_duration(self.max_call_duration),
            medium=self.medium,
            carrier_config=self.carrier_config,
            template_context=to_struct(self.template_context),
            metadata=self.metadata,
            annotations=to_struct(self.annotations),
            carrier_params=to_struct(self.carrier_params),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDirectCall:
    """One call at once, outside any batch."""

    agent_id: str
    address: str
    """A phone number in E.164 form, or a SIP URI."""
    caller_id: str = ""
    """Number to show."""
    carrier: str = ""
    carrier_config: str = ""
    """Id or name of the carrier config that it is dialled through."""
    ring_timeout: timedelta | None = None
    """1 s to 600 s; None means 30 s."""
    max_call_duration: timedelta | None = None
    """1 s to 24 h; None means 1 h."""
    wait_until: datetime | None = None
    """Wait for room until then, at most 24 h ahead; None means now or not at all."""
    template_context: Mapping[str, Any] = field(default_factory=dict)
    """Values for the agent's templates: anything that JSON can say."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    carrier_params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the carrier's own, such as `send_digits` at Twilio."""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """Kept with it, and given back as they came."""
    throttle: str = ""
    """Id or name of the throttle that it counts in."""

    def to_message(self) -> CreateCallRequest:
        """The same as it is sent."""
        return CreateCallRequest(
            agent_id=self.agent_id,
            address=self.address,
            caller_id=self.caller_id,
            carrier=self.carrier,
            carrier_config=self.carrier_config,
            ring_timeout=to_duration(self.ring_timeout),
            max_call_duration=to_duration(self.max_call_duration),
            throttle=self.throttle,
            wait_until=to_timestamp(self.wait_until),
            template_context=to_struct(self.template_context),
            metadata=self.metadata,
            carrier_params=to_struct(self.carrier_params),
            annotations=to_struct(self.annotations),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """What a batch is made of, besides the people. What is left out gets the server's default."""

    agent_id: str
    display_name: str
    window_start: datetime | None = None
    """Earliest moment to dial; None means at once."""
    window_end: datetime | None = None
    """No call is started at or after it; None means until all are called."""
    priority: int = 0
    """0 to 9; higher gets free slots first."""
    weight: int = 0
    """1 to 1000: share of the slots among batches of one priority."""
    max_concurrent_calls: int = 0
    """Calls alive at once; 0 means no limit below the agent's and the account's."""
    caller_id: str = ""
    """Number to show for all; counts before `phone_numbers`."""
    phone_numbers: Sequence[str] = ()
    """Ids or E.164 forms of the account's numbers that calls show in turn; none means those of
    the agent, if it has any."""
    rotation: Rotation.ValueType = Rotation.ROTATION_UNSPECIFIED
    """How they take turns; at random unless said otherwise."""
    throttle: str = ""
    """Id or name of the throttle that it is dialled through."""
    carrier: str = ""
    carrier_config: str = ""
    """Id or name of the account at a carrier that it is dialled through; decides `carrier`."""
    medium: Medium.ValueType = Medium.MEDIUM_UNSPECIFIED
    """WEBHOOK: nobody is dialled, `webhook_url` is told of each call instead."""
    webhook_url: str = ""
    """What is told of calls of the medium WEBHOOK."""
    webhook_secret: str = field(default="", repr=False)
    """What those requests are signed with, 1 to 120 characters; needed with `webhook_url`."""
    unknown_policy: UnknownPolicy.ValueType = UnknownPolicy.UNKNOWN_POLICY_UNSPECIFIED
    duplicates: DuplicatePolicy.ValueType = DuplicatePolicy.DUPLICATE_POLICY_UNSPECIFIED
    on_config_error: ConfigErrorPolicy.ValueType = ConfigErrorPolicy.CONFIG_ERROR_POLICY_UNSPECIFIED
    ring_timeout: timedelta | None = None
    max_call_duration: timedelta | None = None
    retry_policy: RetryPolicy | None = None
    """Who is called again, and when; None means nobody."""
    time_zone: str = ""
    """IANA zone, for example `Europe/Vienna`; the server takes UTC for none."""
    calling_hours: CallingHours | None = None
    """When people may be called; None means at any time within the window."""
    max_calls_per_day: int = 0
    """Calls let go on one date of `time_zone`, retries included; 0 means any number."""
    expected_call_duration: timedelta | None = None
    """How long a call holds its slot, for the check of the window; None lets the server say."""
    window_check: WindowCheck.ValueType = WindowCheck.WINDOW_CHECK_UNSPECIFIED
    """What becomes of a window that is too short; unless said otherwise it is refused."""
    pacing: Pacing.ValueType = Pacing.PACING_UNSPECIFIED
    """SPREAD_OVER_DAYS: the calls of a day in even steps over its hours."""
    zone_rule: ZoneRule.ValueType = ZoneRule.ZONE_RULE_UNSPECIFIED
    """Whose zone counts for a person who was given none: the batch's, or that of the number."""
    retry_caller_id: RetryCallerId.ValueType = RetryCallerId.RETRY_CALLER_ID_UNSPECIFIED
    """Which number later calls of a person show; unless said otherwise that of the first."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """Kept and given back; nobody else looks at them."""
    carrier_params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the carrier's own for each call, such as `send_digits` at Twilio."""

    def to_message(self) -> Batch:
        """The same as it is sent."""
        return Batch(
            agent_id=self.agent_id,
            display_name=self.display_name,
            window_start=to_timestamp(self.window_start),
            window_end=to_timestamp(self.window_end),
            priority=self.priority,
            weight=self.weight,
            max_concurrent_calls=self.max_concurrent_calls,
            caller_id=self.caller_id,
            phone_numbers=self.phone_numbers,
            rotation=self.rotation,
            throttle=self.throttle,
            carrier=self.carrier,
            carrier_config=self.carrier_config,
            medium=self.medium,
            webhook_url=self.webhook_url,
            webhook_secret=self.webhook_secret,
            unknown_policy=self.unknown_policy,
            duplicates=self.duplicates,
            on_config_error=self.on_config_error,
            ring_timeout=to_duration(self.ring_timeout),
            max_call_duration=to_duration(self.max_call_duration),
            retry_caller_id=self.retry_caller_id,
            retry_policy=self.retry_policy.to_message() if self.retry_policy else None,
            metadata=self.metadata,
            annotations=to_struct(self.annotations),
            carrier_params=to_struct(self.carrier_params),
            time_zone=self.time_zone,
            calling_hours=self.calling_hours.to_message() if self.calling_hours else None,
            zone_rule=self.zone_rule,
            max_calls_per_day=self.max_calls_per_day,
            pacing=self.pacing,
            expected_call_duration=to_duration(self.expected_call_duration),
            window_check=self.window_check,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgent:
    """What an agent is made of. Texts are templates: `{{first_name}}` stands for a value of
    each call."""

    display_name: str
    """Unique in the account."""
    max_concurrent_calls: int = 0
    """Calls alive at once; 0 means no limit below the account's."""
    active: bool = True
    """Whether calls of it may be started."""
    prompt: str = ""
    first_message: str = ""
    join_url_template: str = ""
    """Where an answered call is connected; `{{call_id}}` is the id of the call."""
    default_context: Mapping[str, Any] = field(default_factory=dict)
    """Values where a call gives none."""
    context_schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of draft 2020-12 for what calls give."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """Kept with it, and given back as they came."""

    def to_message(self) -> Agent:
        """The same as it is sent."""
        return Agent(
            display_name=self.display_name,
            max_concurrent_calls=self.max_concurrent_calls,
            active=self.active,
            prompt=self.prompt,
            first_message=self.first_message,
            join_url_template=self.join_url_template,
            default_context=to_struct(self.default_context),
            annotations=to_struct(self.annotations),
            context_schema=to_struct(self.context_schema),
            metadata=self.metadata,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """One person to be kept."""

    contact_folder_id: str = ""
    """The folder to put it into; an import says it once for all."""
    address: str
    """A phone number in E.164 form, or a SIP URI: once in a folder."""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    company_name: str = ""
    industry: str = ""
    location: str = ""
    postal_code: str = ""
    keywords: Sequence[str] = ()
    time_zone: str = ""
    """The person's IANA zone, for example `Europe/Vienna`."""
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    """Own fields: anything that JSON can say."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_message(self) -> Contact:
        """The same as it is sent."""
        return Contact(
            contact_folder_id=self.contact_folder_id,
            address=self.address,
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            company_name=self.company_name,
            industry=self.industry,
            location=self.location,
            postal_code=self.postal_code,
            keywords=self.keywords,
            time_zone=self.time_zone,
            custom_fields=to_struct(self.custom_fields),
            metadata=self.metadata,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhoneNumber:
    """A number of the account's own, that calls may show."""

    address: str
    """In E.164 form."""
    display_name: str = ""
    active: bool = True
    """Whether calls may show it."""
    capabilities: Sequence[PhoneNumberCapability.ValueType] = ()
    """What it can be used for; none means outbound voice."""
    max_concurrent_calls: int = 0
    """Calls that show it and are alive at once; 0 means no limit."""
    carrier_config: str = ""
    """Id or name of the account at a carrier that calls from it are dialled with."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_message(self) -> PhoneNumber:
        """The same as it is sent."""
        return PhoneNumber(
            address=self.address,
            display_name=self.display_name,
            active=self.active,
            capabilities=self.capabilities,
            max_concurrent_calls=self.max_concurrent_calls,
            carrier_config=self.carrier_config,
            metadata=self.metadata,
        )


def to_contact(contact: NewContact | Contact) -> Contact:
    """The contact as it is sent."""
    return contact.to_message() if isinstance(contact, NewContact) else contact


def to_agent(agent: str | NewAgent | Agent) -> Agent:
    """The agent as it is sent."""
    if isinstance(agent, str):
        return Agent(display_name=agent)
    return agent.to_message() if isinstance(agent, NewAgent) else agent


def to_batch(batch: NewBatch | Batch) -> Batch:
    """The batch as it is sent."""
    return batch.to_message() if isinstance(batch, NewBatch) else batch


def to_selection(folder_ids: Iterable[str], contact_ids: Iterable[str]) -> ContactSelection | None:
    """The contacts to copy; None for none."""
    selection = ContactSelection(contact_folder_ids=folder_ids, contact_ids=contact_ids)
    return selection if selection.ByteSize() else None


def to_scheduled_calls(calls: Iterable[NewCall | ScheduledCall]) -> list[ScheduledCall]:
    """Rows in the order given."""
    return [call.to_message() if isinstance(call, NewCall) else call for call in calls]


def to_struct(values: Mapping[str, Any] | None) -> Struct | None:
    """The values; None for none."""
    if not values:
        return None
    struct = Struct()
    struct.update(dict(values))
    return struct
