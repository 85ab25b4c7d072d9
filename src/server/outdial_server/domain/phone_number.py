"""The account's own phone numbers, that calls are dialled from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag
from typing import Final, TypeVar

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId
from outdial_server.domain.trouble import Held


class Capability(IntFlag):
    """What a number can be used for. The bits are stored; add, never change."""

    OUTBOUND_VOICE = 1
    INBOUND_VOICE = 2
    SMS = 4


OUTBOUND_ALONE: Final = Capability.OUTBOUND_VOICE


@dataclass(frozen=True, slots=True)
class PhoneNumberFields:
    """What a client may write of a number that is there."""

    display_name: str = ""
    active: bool = True
    capabilities: Capability = OUTBOUND_ALONE
    max_concurrent_calls: int | None = None
    # Its id; as a client writes it also its name. Empty: none.
    carrier_config: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Whether calls may show it."""
        return self.active and Capability.OUTBOUND_VOICE in self.capabilities


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    phone_number_id: PhoneNumberId
    account_id: AccountId
    # In E.164 form.
    address: str
    fields: PhoneNumberFields
    # Calls out from it; None without one.
    agent_id: AgentId | None
    revision: int
    created_at: datetime
    updated_at: datetime
    active_calls: int = 0
    # Why calls do not show it at this moment.
    held: Held | None = None


def check_phone_number(checks: Checks, fields: PhoneNumberFields) -> None:
    checks.text("display_name", fields.display_name, limits.PHONE_NUMBER_NAME_MAX_CHARS)
    checks.number(
        "max_concurrent_calls", fields.max_concurrent_calls, 1, limits.CONCURRENT_CALLS_MAX
    )
    checks.metadata("metadata", fields.metadata)


T = TypeVar("T")


def with_placed(order: Sequence[T], item: T, place: int | None) -> list[T]:
    """The order with `item` at `place`, or behind the last; without a place one that is there
    stays where it is."""
    if place is None and item in order:
        return list(order)
    others = [other for other in order if other != item]
    at = len(others) if place is None else min(place, len(others))
    return [*others[:at], item, *others[at:]]
