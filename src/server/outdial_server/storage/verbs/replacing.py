"""A list in place of those who wait: the change of the batch that shows it keeps it from dialling
until these have ended, in groups behind it."""

from collections.abc import Collection
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.domain.event import EventType
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key
from outdial_server.storage.verbs.ending import SELECT_WAITING, end_rows
from outdial_server.storage.verbs.ledger import lock_slots, scopes_of_batch
from outdial_server.storage.verbs.sending import release_claims
from outdial_server.storage.verbs.suppressed import NORMAL_FORM

REASON: Final = "REPLACED"


def take_claims_back(tx: Tx, batch_key: int) -> None:
    """Claimed but not sent: each of them waits again, and nobody claims it from here on, since
    the ledger is held."""
    lock_slots(tx, scopes_of_batch(batch_by_key(tx, batch_key)))
    # Claims hold leases, and those are few.
    claims = tx.all(
        "SELECT c.key, c.fence FROM calls c WHERE c.trusted_until_us IS NOT NULL "
        f"AND c.batch_key = :batch AND c.state = {int(CallState.CLAIMED)} AND c.holds_slot = 1",
        batch=batch_key,
    )
    release_claims(tx, [(claim.key, claim.fence) for claim in claims])


def mark_replaced(tx: Tx, batch_key: int, before: int) -> None:
    tx.run(
        "UPDATE batches SET replaced_from = 0, replaced_before = :before WHERE key = :key",
        before=before,
        key=batch_key,
    )


def sent_since(tx: Tx, batch_key: int, sequence: int) -> Collection[str]:
    """The addresses, in normal form, that were called behind an event of the batch."""
    rows = tx.all(
        f"SELECT {NORMAL_FORM} AS address FROM events e "
        "JOIN scheduled_calls s ON s.key = e.scheduled_key WHERE e.batch_key = :batch "
        f"AND e.seq > :sequence AND e.type = {int(EventType.CALL_SENDING)}",
        batch=batch_key,
        sequence=sequence,
    )
    return {row.address for row in rows}


def end_some_replaced(tx: Tx, limit: int) -> bool:
    """Of some batch; False when there is none."""
    key = tx.scalar(
        "SELECT key FROM batches WHERE ended_us IS NULL AND replaced_before IS NOT NULL "
        "ORDER BY key LIMIT 1"
    )
    return key is not None and end_replaced(tx, key, limit)


def end_replaced(tx: Tx, batch_key: int, limit: int) -> bool:
    """Of the rows at the next `limit` positions, those that wait; False when there is none left.
    By position and not by what is due: the new list would have to be passed over each time."""
    batch = tx.one_or_none(
        "SELECT replaced_from, replaced_before FROM batches "
        "WHERE key = :key AND replaced_before IS NOT NULL",
        key=batch_key,
    )
    if batch is None:
        return False
    end = min(batch.replaced_from + limit, batch.replaced_before)
    # Of two servers at the same rows the second waits here, and finds them ended.
    rows = tx.all(
        f"{SELECT_WAITING}WHERE s.batch_key = :batch AND s.position >= :start "
        "AND s.position < :end AND s.due_us IS NOT NULL "
        f"ORDER BY s.position {tx.dialect.for_update('s')}",
        batch=batch_key,
        start=batch.replaced_from,
        end=end,
    )
    if rows:
        cancelled = ScheduledCallState.CANCELLED
        end_rows(tx, batch_key, rows, cancelled, REASON, "USER_REQUEST")
    is_last = end == batch.replaced_before
    tx.run(
        "UPDATE batches SET replaced_from = :next, replaced_before = :before "
        "WHERE key = :key AND replaced_from = :start AND replaced_before = :end",
        next=None if is_last else end,
        before=None if is_last else batch.replaced_before,
        key=batch_key,
        start=batch.replaced_from,
        end=batch.replaced_before,
    )
    return True
