"""Direct calls: calls outside any batch."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from outdial_server.domain.call import Call
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.ports.intake import NewBatch


@dataclass(frozen=True, slots=True)
class NewDirectCall:
    """`batch` is the one that stands behind the call and is shown to nobody. Its window ends
    at `wait_until`, or soon after the call was made where that is None."""

    call_id: CallId
    batch: NewBatch
    row: NewScheduledCall
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A direct call, and the claim of it where it has its slots already. A call that waits
    for room, or for another server, has none, and neither has one that was made by an earlier
    request."""

    call: Call
    claimed: ClaimedCall | None


class DirectCallStore(Protocol):
    async def create_direct_call(
        self, new: NewDirectCall, request: RequestKey | None = None, *, may_claim: bool = True
    ) -> MadeCall:
        """Asks the gates that a claim asks. Without `may_claim` it is left to the next claim, of
        whatever server. Raises NotFoundError (AGENT_NOT_FOUND,
        CARRIER_CONFIG_NOT_FOUND, THROTTLE_NOT_FOUND), PreconditionError (AGENT_INACTIVE,
        ADDRESS_SUPPRESSED, CARRIER_MISMATCH), ExhaustedError (NO_FREE_SLOT, CALL_HELD_BACK,
        TOO_MANY_CALLS_WAIT), AlreadyExistsError (REQUEST_ID_REUSED)."""
        ...

    async def earlier_call(self, account_id: AccountId, request: RequestKey) -> Call | None:
        """The call that the same request has made. Raises AlreadyExistsError
        (REQUEST_ID_REUSED)."""
        ...
