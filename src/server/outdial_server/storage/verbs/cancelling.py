"""One row taken out of its batch by hand, or a direct call that waits."""

from outdial_server.domain.call import Call, CallState
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, CallId, ScheduledCallId
from outdial_server.domain.scheduled_call import ScheduledCall, ScheduledCallState
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key
from outdial_server.storage.verbs.call_reading import find_call, get_call
from outdial_server.storage.verbs.ending import SELECT_WAITING, end_rows
from outdial_server.storage.verbs.ledger import lock_slots, scopes_of_batch
from outdial_server.storage.verbs.reading import find_row, row_from
from outdial_server.storage.verbs.sending import release_claims


def cancel_scheduled_call(tx: Tx, account_id: AccountId, row_id: ScheduledCallId) -> ScheduledCall:
    found = find_row(tx, account_id, row_id)
    if not cancel_if_unsent(tx, found.key, found.batch_key):
        raise _not_waiting(row_from(find_row(tx, account_id, row_id)))
    return row_from(find_row(tx, account_id, row_id))


def cancel_direct_call(tx: Tx, account_id: AccountId, call_id: CallId) -> Call:
    found = find_call(tx, account_id, call_id)
    if found.is_direct:
        cancel_if_unsent(tx, found.scheduled_key, found.batch_key)
    return get_call(tx, account_id, call_id)


def cancel_if_unsent(tx: Tx, row_key: int, batch_key: int) -> bool:
    """False when it is live or over: a request may have left for it."""
    # Holding the ledger, so that nobody claims it from here on.
    lock_slots(tx, scopes_of_batch(batch_by_key(tx, batch_key)))
    # Claimed but not sent: taking the claim away decides the race with the dialler.
    claims = tx.all(
        "SELECT c.key, c.fence FROM scheduled_calls s JOIN calls c ON c.key = s.call_key "
        f"WHERE s.key = :key AND s.due_us IS NULL AND c.state = {int(CallState.CLAIMED)}",
        key=row_key,
    )
    release_claims(tx, [(claim.key, claim.fence) for claim in claims])
    waiting = tx.all(
        SELECT_WAITING
        + f"WHERE s.key = :key AND s.due_us IS NOT NULL {tx.dialect.for_update('s')}",
        key=row_key,
    )
    if waiting:
        cancelled, reason = ScheduledCallState.CANCELLED, "USER_REQUEST"
        end_rows(tx, batch_key, waiting, cancelled, reason, "USER_REQUEST")
    return bool(waiting)


def _not_waiting(row: ScheduledCall) -> PreconditionError:
    return PreconditionError(
        Reason.SCHEDULED_CALL_NOT_WAITING,
        f"the scheduled call is {row.state.name}; only a waiting one can be cancelled",
        {"state": row.state.name},
    )
