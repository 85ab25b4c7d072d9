"""EndCall: asks the carrier to hang up, or ends a direct call that waits."""

from dataclasses import dataclass
from typing import Final

from outdial_server.domain.call import Call, CallState
from outdial_server.domain.carrier_config import config_ref
from outdial_server.domain.errors import PreconditionError, Reason, UnavailableError
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.medium import WEBHOOK_CARRIER
from outdial_server.ports.batches import CallStore
from outdial_server.ports.carrier import CallQuery, FindCarrier

_CAN_END: Final = frozenset({CallState.ACCEPTED, CallState.RINGING, CallState.IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class EndCall:
    calls: CallStore
    find_carrier: FindCarrier

    async def execute(self, account_id: AccountId, call_id: CallId) -> Call:
        """Raises NotFoundError (CALL_NOT_FOUND), PreconditionError (CALL_NOT_LIVE,
        CALL_PLACED_ELSEWHERE), UnavailableError (CARRIER_UNAVAILABLE)."""
        call = await self.calls.get_call(account_id, call_id)
        if call.state is CallState.CLAIMED:
            call = await self.calls.cancel_direct_call(account_id, call_id)
            if call.sent_at is None:
                return call
        if call.state not in _CAN_END:
            raise PreconditionError(
                Reason.CALL_NOT_LIVE,
                f"a call in {call.state.name} cannot be hung up",
                {"state": call.state.name},
            )
        if call.carrier == WEBHOOK_CARRIER:
            raise PreconditionError(
                Reason.CALL_PLACED_ELSEWHERE,
                "the call was not placed by this server: whoever has placed it ends it",
            )
        carrier = await self.find_carrier(call.carrier, config_ref(call.carrier_config))
        query = CallQuery(
            call.call_id, call.carrier_call_id, call.address, call.caller_id, call.sent_at
        )
        if carrier is None or not await carrier.hang_up(query):
            raise UnavailableError(
                Reason.CARRIER_UNAVAILABLE, f"carrier {call.carrier!r} did not take the request"
            )
        return await self.calls.get_call(account_id, call_id)
