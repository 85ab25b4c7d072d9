"""ReportCallEvent: another system's word on a call."""

from dataclasses import dataclass

from outdial_server.domain.call import Call
from outdial_server.domain.call_event import CallEvent, check_call_event
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.ports.dispatch import CallEventStore
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class ReportCallEvent:
    events: CallEventStore
    signals: Signals

    async def execute(self, account_id: AccountId, call_id: CallId, event: CallEvent) -> Call:
        """The call as it is by then. Raises InvalidFieldsError, NotFoundError
        (CALL_NOT_FOUND), PreconditionError (CALL_NOT_SENT, CALL_PAYLOAD_ERASED)."""
        checks = Checks()
        check_call_event(checks, event)
        checks.raise_if_any()
        after = await self.events.apply_call_event(account_id, call_id, event)
        if after.applied.freed:
            self.signals.wake(Topic.CLAIM)
        if after.applied.settling:
            self.signals.wake(Topic.SETTLE, Topic.WINDOW)
        return after.call
