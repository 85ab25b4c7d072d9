"""The last step of a list of rows: one change of the batch shows them all, with the first
event, the counts, the import and the answer to a repetition of the request."""

from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from outdial_server.domain.batch import Batch
from outdial_server.domain.batch_rules import refuse_append_when_over
from outdial_server.domain.errors import ConflictError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, BatchId, ImportId
from outdial_server.domain.imports import Import, ImportCounts, ImportState
from outdial_server.domain.plan import Duplicate
from outdial_server.domain.request import RequestKey
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.window_estimate import WindowEstimate, WindowFault
from outdial_server.ports.intake import NewBatch, Outcome, StoredRows
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import refuse_unusable_agent
from outdial_server.storage.verbs.batch_rows import (
    after_of,
    batch_by_key,
    batch_from,
    find_batch,
    lock_batch,
)
from outdial_server.storage.verbs.imports import end_import, get_import
from outdial_server.storage.verbs.ledger import set_cap
from outdial_server.storage.verbs.log import NewEvent, append_events
from outdial_server.storage.verbs.number_checks import refuse_without_number
from outdial_server.storage.verbs.replacing import mark_replaced, sent_since, take_claims_back
from outdial_server.storage.verbs.requests import earlier_answer, note_answer
from outdial_server.storage.verbs.staging import (
    Staged,
    changed_meanwhile,
    is_in_place,
    state_to_start_in,
)
from outdial_server.storage.verbs.webhook_turns import follow_batch
from outdial_server.storage.verbs.window_checks import check_window


class Revealed(NamedTuple):
    batch: Batch
    estimate: WindowEstimate | None = None


def reveal(
    tx: Tx,
    staged: Staged,
    count: int,
    outcome: Outcome,
    request: RequestKey | None,
    zones: AbstractSet[str] = frozenset(),
) -> StoredRows | None:
    """Shows the `count` rows that were staged, people of these zones. None when the same request,
    sent twice at once, was revealed by its twin."""
    if staged.replaces:
        # Before the batch row, which is the last lock of a transaction.
        take_claims_back(tx, staged.batch_key)
    if staged.new is None:
        # The batch may have ended while rows were staged: then nothing is revealed.
        refuse_append_when_over(batch_from(lock_batch(tx, staged.batch_key)), tx.now)
    if not note_answer(tx, staged.account_key, request, _answer(staged, outcome)):
        return None
    if staged.new is None:
        revealed = _reveal_append(tx, staged, count, zones)
    else:
        revealed = _reveal_batch(tx, staged, staged.new, count, zones)
    imported = _end_import(tx, staged, outcome)
    return StoredRows(
        revealed.batch,
        tuple(outcome.skipped),
        outcome.duplicate_count,
        imported,
        revealed.estimate,
    )


def _reveal_batch(
    tx: Tx, staged: Staged, new: NewBatch, count: int, zones: AbstractSet[str]
) -> Revealed:
    """The agent may have been deleted or made inactive while rows were staged, and so may the
    numbers: then nothing is revealed."""
    refuse_unusable_agent(tx, staged.batch_key, new.agent_id)
    refuse_without_number(tx, staged.batch_key)
    state, reason = state_to_start_in(new, tx.now)
    revealed = tx.run(
        "UPDATE batches SET state = :state, state_reason = :reason, started_us = :started, "
        "total = :total, waiting = :total, undispatched = :total, next_position = :total, "
        "revealed_us = :now "
        "WHERE key = :key",
        state=int(state),
        reason=reason,
        started=tx.now_us if state.name == "RUNNING" else None,
        total=count,
        now=tx.now_us,
        key=staged.batch_key,
    )
    if not revealed:
        raise taken_for_broken_off()
    set_cap(tx, SlotScope(ScopeKind.BATCH, staged.batch_key), new.settings.max_concurrent_calls)
    follow_batch(tx, staged.account_key, staged.batch_key)
    return _told(tx, staged, f"{new.path}.window_end", EventType.BATCH_CREATED, zones)


def _reveal_append(tx: Tx, staged: Staged, count: int, zones: AbstractSet[str]) -> Revealed:
    present = batch_by_key(tx, staged.batch_key)
    leaving = present.waiting if staged.replaces else 0
    if not count and not leaving:
        return Revealed(batch_from(present))
    # Another server may have added its own rows meanwhile, or put them in place of these.
    in_place = staged.is_rehearsed or not count or is_in_place(tx, staged)
    if present.next_position != staged.first_position or not in_place:
        raise changed_meanwhile()
    # Of those who wait already no zones are known but where the hours open in none of them.
    is_known = present.waiting == leaving or _opens_for_nobody(present)
    if leaving:
        leaving = _replace(tx, staged, leaving)
    tx.run(
        "UPDATE batches SET total = total + :n, waiting = waiting + :n, "
        "undispatched = undispatched + :n, dispatch_ended_us = "
        "CASE WHEN :n > 0 THEN NULL ELSE dispatch_ended_us END, "
        "next_position = next_position + :n, updated_us = :now WHERE key = :key",
        n=count,
        now=tx.now_us,
        key=staged.batch_key,
    )
    rows = "scheduled_calls" if staged.import_key is None else "rows"
    told = zones if is_known else frozenset[str]()
    return _told(tx, staged, rows, EventType.SCHEDULED_CALLS_ADDED, told, leaving)


def _opens_for_nobody(row: Row) -> bool:
    return batch_from(row).window_fault is WindowFault.OPEN_FOR_NOBODY


def _replace(tx: Tx, staged: Staged, leaving: int) -> int:
    """How many of those who wait are left in the counts: a rehearsal never ends them, and so
    counts them as ended at once."""
    if not staged.is_rehearsed:
        mark_replaced(tx, staged.batch_key, staged.first_position)
        return leaving
    tx.run(
        # Of those who are being called, whom a carrier may not have accepted yet.
        "UPDATE batches SET undispatched = sends_in_flight + unknown, waiting = 0, "
        "cancelled = cancelled + :n WHERE key = :key",
        n=leaving,
        key=staged.batch_key,
    )
    return 0


def _told(
    tx: Tx,
    staged: Staged,
    field: str,
    event: EventType,
    zones: AbstractSet[str],
    leaving: int = 0,
) -> Revealed:
    """`field` is the one to name when all of them do not fit into the window."""
    key = staged.batch_key
    estimate = check_window(tx, key, field, leaving, zones)
    batch = batch_from(batch_by_key(tx, key))
    append_events(tx, key, [NewEvent(event, "USER_REQUEST", after_of(batch))])
    return Revealed(batch_from(batch_by_key(tx, key)), estimate)


def refuse_called_meanwhile(tx: Tx, staged: Staged, addresses: AbstractSet[str]) -> None:
    """In the transaction of the reveal: nobody is called between this and that."""
    if not addresses.isdisjoint(sent_since(tx, staged.batch_key, staged.sequence)):
        raise ConflictError(
            Reason.BATCH_CHANGED,
            "somebody of the list was called while it came in; pause the batch before, or read "
            "again who waits",
        )


def _end_import(tx: Tx, staged: Staged, outcome: Outcome) -> Import | None:
    if staged.import_key is None or outcome.counts is None:
        return None
    ended = end_import(tx, staged.import_key, ImportState.ADDED, outcome.counts, staged.batch_id)
    if ended is None:
        raise taken_for_broken_off()
    return ended


def refuse_import(tx: Tx, staged: Staged, counts: ImportCounts) -> Import:
    assert staged.import_key is not None, "only imports are refused with findings"
    batch_id = staged.batch_id if staged.new is None else None
    ended = end_import(tx, staged.import_key, ImportState.REFUSED, counts, batch_id)
    if ended is None:
        raise taken_for_broken_off()
    return ended


def taken_for_broken_off() -> ConflictError:
    return ConflictError(
        Reason.BATCH_CHANGED, "the list took so long that it was taken for one that broke off"
    )


def _answer(staged: Staged, outcome: Outcome) -> object:
    return {
        "batch_id": staged.batch_id,
        "skipped": [
            [row.number, row.normalized_address, row.kept_position, row.first_number]
            for row in outcome.skipped
        ],
        "duplicates": outcome.duplicate_count,
        "import_id": staged.import_id,
    }


def earlier_reveal(tx: Tx, account_id: AccountId, request: RequestKey) -> StoredRows | None:
    """What the same request was answered with, over the batch as it is now."""
    answer: Any = earlier_answer(tx, account_key(tx, account_id), request)
    if answer is None:
        return None
    batch = batch_from(find_batch(tx, account_id, BatchId(answer["batch_id"])))
    import_id = answer["import_id"]
    return StoredRows(
        batch,
        tuple(Duplicate(*skipped) for skipped in answer["skipped"]),
        answer["duplicates"],
        get_import(tx, account_id, ImportId(import_id)) if import_id else None,
    )
