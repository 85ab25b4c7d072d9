"""ReportExternalCall and EndExternalCall."""

from dataclasses import dataclass

from outdial_server.domain.checks import Checks
from outdial_server.domain.external_call import (
    ExternalCall,
    ExternalReport,
    check_external_id,
    check_report,
)
from outdial_server.domain.ids import AccountId
from outdial_server.ports.external_calls import ExternalCallStore
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class ReportExternalCall:
    external: ExternalCallStore
    signals: Signals

    async def execute(self, account_id: AccountId, report: ExternalReport) -> ExternalCall:
        """Raises InvalidFieldsError, NotFoundError (AGENT_NOT_FOUND,
        CARRIER_CONFIG_NOT_FOUND), ExhaustedError (TOO_MANY_EXTERNAL_CALLS)."""
        checks = Checks()
        check_report(checks, report)
        checks.raise_if_any()
        call = await self.external.report_external_call(account_id, report)
        # Its time may be over before that of all others; and it may have left another's slots.
        self.signals.wake(Topic.EXTERNAL, Topic.CLAIM)
        return call


@dataclass(frozen=True, slots=True)
class EndExternalCall:
    external: ExternalCallStore
    signals: Signals

    async def execute(self, account_id: AccountId, external_id: str) -> bool:
        """Whether it was in progress. Raises InvalidFieldsError."""
        checks = Checks()
        check_external_id(checks, external_id)
        checks.raise_if_any()
        was_there = await self.external.end_external_call(account_id, external_id)
        if was_there:
            self.signals.wake(Topic.CLAIM)
        return was_there
