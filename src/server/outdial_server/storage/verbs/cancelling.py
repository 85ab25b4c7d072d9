"""One row taken out of its batch by hand."""

from outdial_server.domain.call import CallState
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, ScheduledCallId
from outdial_server.domain.scheduled_call import ScheduledCall, ScheduledCallState
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.reading import find_row, row_from
from outdial_server.storage.verbs.sending import release_claims
from outdial_server.storage.verbs.upkeep import end_rows


def cancel_scheduled_call(tx: Tx, account_id: AccountId, row_id: ScheduledCallId) -> ScheduledCall:
    found = find_row(tx, account_id, row_id)
    if found.call_state == CallState.CLAIMED and found.due_us is None:
        # Claimed but not sent: taking the claim away decides the race with the dialler.
        call_key = tx.scalar("SELECT call_key FROM scheduled_calls WHERE key = :key", key=found.key)
        release_claims(tx, [call_key])
    waiting = tx.all(
        "SELECT s.key, s.dispatch_outcome, s.attempts FROM scheduled_calls s "
        f"WHERE s.key = :key AND s.due_us IS NOT NULL {tx.dialect.for_update('s')}",
        key=found.key,
    )
    if not waiting:
        raise _not_waiting(row_from(find_row(tx, account_id, row_id)))
    cancelled, reason = ScheduledCallState.CANCELLED, "USER_REQUEST"
    end_rows(tx, found.batch_key, waiting, cancelled, reason, "USER_REQUEST")
    return row_from(find_row(tx, account_id, row_id))


def _not_waiting(row: ScheduledCall) -> PreconditionError:
    return PreconditionError(
        Reason.SCHEDULED_CALL_NOT_WAITING,
        f"the scheduled call is {row.state.name}; only a waiting one can be cancelled",
        {"state": row.state.name},
    )
