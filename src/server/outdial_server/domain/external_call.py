"""External calls: those that an outside system has on the same account. They take slots, and
are there whatever the limits are; whoever forgets to end one is helped by its time to live."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import ExhaustedError, Reason
from outdial_server.domain.ids import AgentId, CarrierConfigId


@dataclass(frozen=True, slots=True)
class ExternalReport:
    """A call in progress, as it is reported."""

    external_id: str
    agent_id: AgentId | None
    # Id or name; empty for none.
    carrier_config: str
    ttl: timedelta


@dataclass(frozen=True, slots=True)
class ExternalCall:
    external_id: str
    agent_id: AgentId | None
    carrier_config_id: CarrierConfigId | None
    created_at: datetime
    expires_at: datetime


def check_report(checks: Checks, report: ExternalReport) -> None:
    check_external_id(checks, report.external_id)
    checks.duration("ttl", report.ttl, limits.EXTERNAL_TTL_MIN, limits.EXTERNAL_TTL_MAX)


def check_external_id(checks: Checks, external_id: str) -> None:
    checks.text("external_id", external_id, limits.EXTERNAL_ID_MAX_CHARS, least=1)


def refuse_more_than_may_be(known: int) -> None:
    """For one that is new. Raises ExhaustedError (TOO_MANY_EXTERNAL_CALLS)."""
    if known >= limits.EXTERNAL_CALLS_MAX:
        raise ExhaustedError(
            Reason.TOO_MANY_EXTERNAL_CALLS,
            f"{known} external calls of the account are in progress already",
            {"limit": str(limits.EXTERNAL_CALLS_MAX)},
        )
