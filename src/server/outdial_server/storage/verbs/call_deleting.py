"""A call that is over, deleted: hidden from all who ask, and what it alone has kept is erased.
Its row stays, since its person, events and rules that count calls refer to it."""

from outdial_server.domain.call import refuse_unended
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.call_reading import find_call, lock_what_is_kept, shown_call
from outdial_server.storage.verbs.erasing_rows import TEXTS_OF_CALLS, blank, unname


def delete_call(tx: Tx, account_id: AccountId, call_id: CallId) -> None:
    lock_what_is_kept(tx, find_call(tx, account_id, call_id).key)
    # Of two that delete it at once the second finds nothing.
    call = find_call(tx, account_id, call_id)
    refuse_unended(shown_call(call))
    for table in TEXTS_OF_CALLS:
        tx.run(f"DELETE FROM {table} WHERE call_key = :key", key=call.key)
    # The carrier's id leads to the number and to what was recorded there. The caller ID stays:
    # later tries may have to show the same one.
    tx.run(
        "UPDATE calls SET deleted_us = :now, carrier_call_id = NULL, reason = NULL "
        "WHERE key = :key",
        now=tx.now_us,
        key=call.key,
    )
    if call.is_direct:
        _erase_person(tx, call)


def _erase_person(tx: Tx, call: Row) -> None:
    """Behind a direct call stands nobody else's row."""
    rows = tx.all("SELECT s.key FROM scheduled_calls s WHERE s.key = :key", key=call.scheduled_key)
    blank(tx, rows)
    unname(tx, rows)
