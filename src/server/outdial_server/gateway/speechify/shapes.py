"""What is taken and given for batches and their people, for validation and for the OpenAPI
document."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, StrictInt, StrictStr

from outdial_server.gateway.speechify.moments import Moment
from outdial_server.gateway.speechify.variables import WithVariables

RECIPIENTS_MAX: Final = 1000

Phone = Annotated[StrictStr, Field(pattern=r"^\+[1-9][0-9]{1,14}$", examples=["+12025550123"])]
RingingTimeout = Annotated[StrictInt, Field(ge=1000, le=80_000)]


class NewRecipient(WithVariables):
    phone: Phone
    custom_id: Annotated[StrictStr, Field(max_length=256)] | None = None


class NewBatchCall(BaseModel):
    """All but the people."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=255)]
    agent_id: StrictStr
    phone_number_id: StrictStr | None = None
    scheduled_at: Annotated[
        Moment | None, Field(description="At most 30 days ahead; at once when it is past.")
    ] = None
    ringing_timeout_ms: RingingTimeout | None = None


class BatchCall(BaseModel):
    id: str
    agent_id: str
    phone_number_id: str | None
    name: str
    status: str
    total: int
    completed: int
    failed: int
    error: Annotated[str, Field(description="Where it could not be carried out.")] = ""
    created_at: str
    updated_at: str
    started_at: str | None
    finished_at: Annotated[str | None, Field(description="The older name of `ended_at`.")] = None
    ended_at: str | None = None
    scheduled_at: str | None
    ringing_timeout_ms: int | None


class Recipient(BaseModel):
    id: str
    batch_id: str
    phone: str
    dynamic_vars: Annotated[
        dict[str, Any], Field(description="The older name of `dynamic_variables`.")
    ] = {}
    dynamic_variables: dict[str, Any] = {}
    custom_id: str = ""
    status: str
    conversation_id: str | None
    error: str = ""
    attempted_at: str | None
    completed_at: Annotated[str | None, Field(description="The older name of `ended_at`.")] = None
    ended_at: str | None = None


class BatchCallDetail(BaseModel):
    """The newer shape is the batch itself; the older one has it below `batch`."""

    id: str = ""
    status: str = ""
    batch: BatchCall | None = None
    recipients: list[Recipient] = []


class BatchCallList(BaseModel):
    next_cursor: str | None
    has_more: bool
    batches: list[BatchCall]


class RecipientList(BaseModel):
    next_cursor: str | None
    has_more: bool
    recipients: list[Recipient]


class ErrorDetail(BaseModel):
    code: str
    message: str
    fields: dict[str, str] = {}


class ErrorBody(BaseModel):
    error: ErrorDetail
    request_id: str
