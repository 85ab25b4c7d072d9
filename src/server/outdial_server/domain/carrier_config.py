"""Accounts at carriers: how many calls each takes at once, and how fast."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, NamedTuple

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, CarrierConfigId
from outdial_server.domain.throttle import ThrottleRule
from outdial_server.domain.trouble import Held


@dataclass(frozen=True, slots=True)
class CarrierConfigFields:
    """What a client may write of a carrier config."""

    display_name: str
    max_concurrent_calls: int | None = None
    # None: as the carrier has it.
    calls_per_second: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    credentials: SealedCredentials | None = None


@dataclass(frozen=True, slots=True)
class CarrierConfig:
    carrier_config_id: CarrierConfigId
    account_id: AccountId
    carrier: str
    fields: CarrierConfigFields
    revision: int
    created_at: datetime
    updated_at: datetime
    active_calls: int = 0
    # Why it gets no calls at this moment.
    held: Held | None = None
    # Calls per second, where its rate has fallen.
    paced_rate: float | None = None


class OverRate(Enum):
    """What a carrier does with calls above its rate."""

    # Takes them, and dials them later.
    QUEUES = "queues"
    # Turns them away: nothing is placed.
    REFUSES = "refuses"


ANY_REVISION: Final = 0
NEWEST_REVISION: Final = 2**63


class ConfigRef(NamedTuple):
    """The carrier config that a call goes through. What is known of it must be as new as
    `revision`; for NEWEST_REVISION the store is asked."""

    config_id: CarrierConfigId
    revision: int = NEWEST_REVISION


class Dialler(NamedTuple):
    """Who dials, and with which account there; None: without one."""

    carrier: str
    config: ConfigRef | None = None


def config_ref(text: str, revision: int = NEWEST_REVISION) -> ConfigRef | None:
    """Of an id that is empty where there is no carrier config."""
    return ConfigRef(CarrierConfigId(text), revision) if text else None


@dataclass(frozen=True, slots=True)
class CarrierRates:
    """What carriers have by default, in calls per second, by name; the others have no
    limit."""

    defaults: Mapping[str, float]

    def rate_of(self, carrier: str, own: float | None) -> float | None:
        return self.defaults.get(carrier) if own is None else own

    def effective_rate_of(self, config: CarrierConfig) -> float | None:
        """At the moment at which the config was read."""
        rate = self.rate_of(config.carrier, config.fields.calls_per_second)
        rates = [one for one in (rate, config.paced_rate) if one is not None]
        return min(rates, default=None)

    def rule_of(self, carrier: str, own: float | None) -> ThrottleRule | None:
        rate = self.rate_of(carrier, own)
        return None if rate is None else rate_rule(rate)


def rate_rule(calls_per_second: float) -> ThrottleRule:
    """The sliding window that a rate comes to: the shortest one that is a second at least and
    holds a whole number of calls. Rounded up, so that the rate is never exceeded."""
    calls = math.ceil(calls_per_second)
    return ThrottleRule(calls, timedelta(microseconds=math.ceil(calls / calls_per_second * 1e6)))


def check_carrier_config(checks: Checks, fields: CarrierConfigFields) -> None:
    checks.text("display_name", fields.display_name, limits.CARRIER_CONFIG_NAME_MAX_CHARS, least=1)
    checks.number(
        "max_concurrent_calls", fields.max_concurrent_calls, 1, limits.CONCURRENT_CALLS_MAX
    )
    checks.number(
        "calls_per_second",
        fields.calls_per_second,
        limits.CALLS_PER_SECOND_MIN,
        limits.CALLS_PER_SECOND_MAX,
    )
    checks.metadata("metadata", fields.metadata)


def refuse_other_carrier(carrier: str, of_config: str) -> None:
    """For a batch of `carrier`."""
    if carrier != of_config:
        raise PreconditionError(
            Reason.CARRIER_MISMATCH,
            f"the carrier of the batch is {carrier!r}, that of the carrier config {of_config!r}",
            {"carrier": carrier, "carrier_config_carrier": of_config},
        )
