"""Phone numbers as they are asked for and told."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from outdial_server.gateway.truedy.batch_shapes import PhoneNumber

AssignmentType = Literal["inbound", "outbound"]
ProviderType = Literal["telnyx", "twilio", "custom_sip"]

_STRICT = ConfigDict(strict=True)


class Assignment(BaseModel):
    model_config = _STRICT

    number_id: str
    agent_id: str
    assignment_type: AssignmentType


class Unassignment(BaseModel):
    model_config = _STRICT

    number_id: str
    assignment_type: AssignmentType


class NewNumber(BaseModel):
    """What else a provider needs depends on it: `twilio` the `account_sid` and `auth_token`,
    `telnyx` the `api_key`, `connection_id` and `public_key`, `custom_sip` the `sip_server`."""

    model_config = _STRICT

    phone_number: PhoneNumber
    provider_type: ProviderType
    friendly_name: Annotated[str, Field(max_length=64)] | None = None
    account_sid: str | None = None
    auth_token: str | None = None
    api_key: str | None = None
    connection_id: str | None = None
    public_key: str | None = None
    sip_server: str | None = None
    sip_username: str | None = None
    sip_password: str | None = None


class Number(BaseModel):
    id: str
    phone_number: str
    friendly_name: str | None
    agent_id: str | None
    provider_id: str | None
    status: Literal["active", "inactive"]
    created_at: datetime
    updated_at: datetime


class AgentNumber(BaseModel):
    id: str
    phone_number: str


class AgentNumbers(BaseModel):
    inbound_phone_numbers: list[AgentNumber]
    outbound_phone_numbers: list[AgentNumber]
