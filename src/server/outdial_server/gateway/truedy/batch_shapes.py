"""Batch calls as they are asked for and told."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from outdial_server.gateway.truedy.statuses import BatchStatus, ContactStatus, Rotation

ContactSource = Literal["csv", "folder", "manual"]
ScheduleType = Literal["immediate", "scheduled"]

PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{1,14}$", examples=["+15551230001"])]
Moment = Annotated[
    str,
    Field(
        pattern=(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
            r"(Z|[+-][0-9]{2}:[0-9]{2})?$"
        ),
        description="ISO 8601; without an offset it is a local time of `timezone`.",
        examples=["2026-03-02T09:00:00Z"],
    ),
]
StartOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])]
EndOfDay = Annotated[
    str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["17:00"])
]
WorkingDays = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]],
    Field(
        min_length=1,
        max_length=7,
        description="1 is Monday, 7 is Sunday; each at most once.",
        json_schema_extra={"uniqueItems": True},
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=255)]
NumberIds = Annotated[
    list[str],
    Field(max_length=100, description="Outbound numbers of the agent; none: all of them."),
]
Concurrency = Annotated[int, Field(ge=1, le=100)]
CallsPerDay = Annotated[int, Field(ge=1, le=1_000_000)]
RetryAttempts = Annotated[int, Field(ge=0, le=3)]

_STRICT = ConfigDict(strict=True)


class NewBatchContact(BaseModel):
    model_config = _STRICT

    phone_number: PhoneNumber
    first_name: Annotated[str, Field(max_length=100)] | None = None
    last_name: Annotated[str, Field(max_length=100)] | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    custom_fields: dict[str, Any] | None = Field(
        None, description="Values for the agent's placeholders, beside the names."
    )


class NewBatchCallSettings(BaseModel):
    """All but the list of contacts, which is read as it comes in."""

    model_config = _STRICT

    name: Name
    agent_id: str
    phone_number_ids: NumberIds | None = None
    phone_rotation_strategy: Rotation = "random"
    contact_source: ContactSource = "csv"
    contact_folder_id: str | None = Field(None, description="Required for the source `folder`.")
    contact_ids: Annotated[list[str], Field(max_length=10_000)] | None = None
    schedule_type: ScheduleType = "immediate"
    scheduled_at: Moment | None = Field(None, description="Required for `scheduled`.")
    timezone: str = "UTC"
    start_time: StartOfDay | None = None
    end_time: EndOfDay | None = None
    working_days: WorkingDays = [1, 2, 3, 4, 5]
    max_concurrent_calls: Concurrency = 10
    max_calls_per_day: CallsPerDay | None = None
    retry_failed: bool = False
    max_retry_attempts: RetryAttempts = 0


class NewBatchCall(NewBatchCallSettings):
    contacts: list[NewBatchContact] | None = None


class BatchCallChange(BaseModel):
    """A draft takes all of it; a scheduled or paused batch call `scheduled_at`, `start_time`,
    `end_time`, `working_days` and `max_calls_per_day`."""

    # What cannot be changed is refused by its name.
    model_config = ConfigDict(strict=True, extra="allow")

    name: Name = ""
    phone_number_ids: NumberIds | None = None
    phone_rotation_strategy: Rotation = "random"
    scheduled_at: Moment | None = None
    start_time: StartOfDay | None = None
    end_time: EndOfDay | None = None
    working_days: WorkingDays = []
    max_calls_per_day: CallsPerDay | None = None
    retry_failed: bool = False
    max_concurrent_calls: Concurrency = 10
    max_retry_attempts: RetryAttempts = 0


class ScheduleChange(BaseModel):
    model_config = _STRICT

    scheduled_at: Moment | None = None
    timezone: str | None = None


class BulkDelete(BaseModel):
    model_config = _STRICT

    ids: Annotated[list[str], Field(min_length=1, max_length=1000)]


class NewBatchContacts(BaseModel):
    contacts: Annotated[list[NewBatchContact], Field(min_length=1)]


class BatchCallStats(BaseModel):
    pending: int
    calling: int
    completed: int
    failed: int


class BatchCall(BaseModel):
    id: str
    name: str
    status: BatchStatus
    agent_id: str
    phone_number_ids: list[str]
    phone_rotation_strategy: Rotation
    from_number: str | None
    contact_source: ContactSource
    contact_folder_id: str | None
    schedule_type: ScheduleType
    scheduled_at: datetime | None
    timezone: str
    start_time: str | None
    end_time: str | None
    working_days: list[int]
    max_concurrent_calls: int | None
    concurrency: int | None
    max_calls_per_day: int | None
    retry_failed: bool
    max_retry_attempts: int
    retry_attempts: int
    total_contacts: int
    called: int
    completed: int
    failed: int
    pending: int
    stats: BatchCallStats
    created_at: datetime
    updated_at: datetime


class PausedBatchCall(BatchCall):
    paused_at: datetime


class ResumedBatchCall(BatchCall):
    resumed_at: datetime


class DeletedBatchCall(BaseModel):
    id: str
    deleted: Literal[True] = True


class DeletedBatchCalls(BaseModel):
    deleted_count: int
    failed_count: int
    deleted_ids: list[str]
    failed_ids: list[str]


class AddedContacts(BaseModel):
    added_count: int
    failed_count: int


class BatchContact(BaseModel):
    contact_id: str
    phone_number: str
    first_name: str | None
    last_name: str | None
    email: str | None
    custom_fields: dict[str, Any]
    call_status: ContactStatus
    call_id: str | None
    called_at: datetime | None
    scheduled_at: datetime | None
    attempts: int
    last_error: str | None


class BatchCallAnalytics(BaseModel):
    """An extension: the documents have no such answer."""

    id: str
    status: BatchStatus
    total_contacts: int
    called: int
    completed: int
    failed: int
    cancelled: int
    pending: int
    calling: int
    completion_rate: float = Field(description="Of those that were called; 0 before the first.")
