"""Agents: who talks once a person answers, and with which texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId


@dataclass(frozen=True, slots=True)
class AgentFields:
    """What a client may write of an agent. The texts are templates: see `domain.template`."""

    display_name: str
    max_concurrent_calls: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    active: bool = True
    prompt: str = ""
    first_message: str = ""
    join_url_template: str = ""
    # JSON objects, empty for none.
    default_context_json: str = ""
    context_schema_json: str = ""
    annotations_json: str = ""

    @property
    def has_texts(self) -> bool:
        return bool(self.prompt or self.first_message or self.join_url_template)


@dataclass(frozen=True, slots=True)
class OutboundNumber:
    """A phone number that an agent calls from."""

    phone_number_id: PhoneNumberId
    address: str


@dataclass(frozen=True, slots=True)
class Agent:
    agent_id: AgentId
    account_id: AccountId
    fields: AgentFields
    revision: int
    created_at: datetime
    updated_at: datetime
    active_calls: int = 0
    # In the order in which it uses them.
    outbound_numbers: tuple[OutboundNumber, ...] = ()
