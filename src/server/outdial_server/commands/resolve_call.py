"""ResolveCall: a person's word on an unknown call."""

from dataclasses import dataclass
from enum import Enum

from outdial_server.domain.call import Call, CallState, Disposition
from outdial_server.domain.errors import PreconditionError, Reason, invalid_field
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.batches import CallStore
from outdial_server.ports.dispatch import DispatchStore
from outdial_server.ports.signals import Signals, Topic


class Resolution(Enum):
    PLACED = ReportKind.PLACED
    NOT_PLACED = ReportKind.GIVE_UP
    DIAL_AGAIN = ReportKind.DIAL_AGAIN


@dataclass(frozen=True, slots=True)
class ResolveCall:
    calls: CallStore
    dispatch: DispatchStore
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        call_id: CallId,
        resolution: Resolution,
        disposition: Disposition | None,
    ) -> Call:
        """Raises InvalidFieldsError, NotFoundError (CALL_NOT_FOUND), PreconditionError
        (CALL_NOT_UNKNOWN, CALL_IS_DIRECT)."""
        if (resolution is Resolution.PLACED) != (disposition is not None):
            raise invalid_field("disposition", "is required for PLACED, and only there")
        call = await self.calls.get_call(account_id, call_id)
        if call.state is not CallState.UNKNOWN:
            raise _not_unknown(call)
        if call.direct is not None and resolution is Resolution.DIAL_AGAIN:
            raise PreconditionError(
                Reason.CALL_IS_DIRECT, "a direct call is dialled once; make another"
            )
        report = CallReport(
            call_id, resolution.value, disposition=disposition, reason="RESOLVED_BY_PERSON"
        )
        applied = await self.dispatch.apply_reports(lambda: (report,))
        self.signals.wake(Topic.CLAIM, Topic.SETTLE)
        if not applied.changed:
            # Evidence came in between and was faster than the person.
            raise _not_unknown(await self.calls.get_call(account_id, call_id))
        return await self.calls.get_call(account_id, call_id)


def _not_unknown(call: Call) -> PreconditionError:
    return PreconditionError(
        Reason.CALL_NOT_UNKNOWN,
        f"the call is {call.state.name}; only an unknown one can be resolved",
        {"state": call.state.name},
    )
