"""Batches come into being, and grow, in slices: each slice a transaction, so that dialling
takes its turn in between, and one last transaction that reveals them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from outdial_server.domain.batch import (
    Batch,
    DuplicatePolicy,
    first_state,
    refuse_append_when_over,
)
from outdial_server.domain.claims import dialing_rank
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.plan import PlacedRows, SkippedDuplicate, place_rows
from outdial_server.domain.request import RequestKey
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.ports.batches import NewBatch, StoredRows
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import (
    LAST_ID,
    first_id_at,
    json_text,
    mapping_json,
    micros,
    pack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import agent_key, refuse_deleted_agent
from outdial_server.storage.verbs.batch_rows import (
    after_of,
    batch_by_key,
    batch_from,
    find_batch,
    lock_batch,
    settings_values,
)
from outdial_server.storage.verbs.ledger import set_cap
from outdial_server.storage.verbs.log import NewEvent, append_events
from outdial_server.storage.verbs.requests import earlier_answer, note_answer

SLICE_ROWS: Final = 500
"""About 5 ms of the writer: dialling waits no longer than that for its turn."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Where staged rows go, and what is staged: `answer` is set when the same request
    was carried out before, and nothing is to be done."""

    batch_key: int
    account_key: int
    rows: PlacedRows
    answer: StoredRows | None = None


def stage_batch(tx: Tx, new: NewBatch, rows: PlacedRows, request: RequestKey | None) -> Staged:
    account = account_key(tx, new.account_id)
    earlier = _earlier(tx, account, new.account_id, request)
    if earlier is not None:
        return Staged(0, account, rows, earlier)
    values = settings_values(new.settings) | {
        "id": pack_id(new.batch_id),
        "account_key": account,
        "agent_key": agent_key(tx, new.account_id, new.agent_id),
        "carrier": new.carrier,
        "duplicates": int(new.duplicates),
        "state": int(_first_state(new, tx.now)[0]),
        "created_us": tx.now_us,
        "updated_us": tx.now_us,
    }
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    key = tx.scalar(f"INSERT INTO batches ({names}) VALUES ({places}) RETURNING key", **values)
    return Staged(key, account, rows)


def _first_state(new: NewBatch, now: datetime) -> tuple[Any, str]:
    return first_state(draft=new.draft, window_start=new.settings.window_start, now=now)


def stage_append(
    tx: Tx,
    account_id: AccountId,
    batch_id: BatchId,
    rows: Sequence[NewScheduledCall],
    request: RequestKey | None,
) -> Staged:
    account = account_key(tx, account_id)
    earlier = _earlier(tx, account, account_id, request)
    if earlier is not None:
        return Staged(0, account, PlacedRows(0, (), ()), earlier)
    row = find_batch(tx, account_id, batch_id)
    batch = batch_from(row)
    refuse_append_when_over(batch, tx.now)
    # What an append that broke off has left there is in the way.
    erase_staged(tx, row.key)
    known = _known_positions(tx, row.key, row.next_position, batch, rows)
    placed = place_rows(rows, batch.duplicates, row.next_position, known)
    return Staged(row.key, account, placed)


def _known_positions(
    tx: Tx, batch_key: int, end: int, batch: Batch, rows: Sequence[NewScheduledCall]
) -> Mapping[str, int]:
    if batch.duplicates is DuplicatePolicy.KEEP:
        return {}
    wanted = {row.normalized_address for row in rows}
    present = tx.all(
        "SELECT coalesce(s.normalized_address, s.address) AS address, MIN(s.position) AS position "
        "FROM scheduled_calls s WHERE s.batch_key = :batch AND s.position < :end "
        "AND coalesce(s.normalized_address, s.address) IN (SELECT r.address FROM "
        f"{tx.dialect.rows('rows', (('address', Kind.TEXT),))} AS r) GROUP BY 1",
        batch=batch_key,
        end=end,
        rows=json_text([[address] for address in wanted]),
    )
    return {row.address: row.position for row in present}


_INSERT_ROW: Final = (
    "INSERT INTO scheduled_calls (id, batch_key, position, address, normalized_address, "
    "custom_id, time_zone, caller_id, priority, context_json, metadata_json, rank, due_us) "
    "VALUES (:id, :batch_key, :position, :address, :normalized_address, :custom_id, "
    ":time_zone, :caller_id, :priority, :context_json, :metadata_json, :rank, :due_us)"
)


def stage_rows(
    tx: Tx, batch_key: int, first_position: int, rows: Sequence[NewScheduledCall]
) -> None:
    ids = tx.ids.new_ids(len(rows))
    due_us = tx.now_us
    tx.happened.rows_staged += len(rows)
    tx.run_many(
        _INSERT_ROW,
        [
            {
                "id": pack_id(new_id),
                "batch_key": batch_key,
                "position": first_position + offset,
                "address": row.address,
                "normalized_address": (
                    None if row.normalized_address == row.address else row.normalized_address
                ),
                "custom_id": row.custom_id or None,
                "time_zone": row.time_zone or None,
                "caller_id": row.caller_id or None,
                "priority": row.priority,
                "context_json": row.template_context_json or None,
                "metadata_json": mapping_json(row.metadata) or None,
                "rank": dialing_rank(row.priority, 0),
                "due_us": due_us,
            }
            for offset, (new_id, row) in enumerate(zip(ids, rows, strict=True))
        ],
    )


def reveal_batch(
    tx: Tx, new: NewBatch, staged: Staged, request: RequestKey | None
) -> StoredRows | None:
    """None when the same request, sent twice at once, was revealed by its twin. The agent
    may have been deleted while rows were staged: then nothing is revealed."""
    if not note_answer(tx, staged.account_key, request, _answer(new.batch_id, staged.rows)):
        return None
    refuse_deleted_agent(tx, staged.batch_key, new.agent_id)
    key, total = staged.batch_key, len(staged.rows.rows)
    state, reason = _first_state(new, tx.now)
    tx.run(
        "UPDATE batches SET state = :state, state_reason = :reason, started_us = :started, "
        "total = :total, waiting = :total, next_position = :total, revealed_us = :now "
        "WHERE key = :key",
        state=int(state),
        reason=reason,
        started=tx.now_us if state.name == "RUNNING" else None,
        total=total,
        now=tx.now_us,
        key=key,
    )
    set_cap(tx, SlotScope(ScopeKind.BATCH, key), new.settings.max_concurrent_calls)
    return _revealed(tx, key, staged, EventType.BATCH_CREATED)


def reveal_append(
    tx: Tx, batch_id: BatchId, staged: Staged, request: RequestKey | None
) -> StoredRows | None:
    """The batch may have ended while rows were staged: then nothing is revealed."""
    locked = lock_batch(tx, staged.batch_key)
    refuse_append_when_over(batch_from(locked), tx.now)
    if not note_answer(tx, staged.account_key, request, _answer(batch_id, staged.rows)):
        return None
    count = len(staged.rows.rows)
    if not count:
        return StoredRows(batch_from(locked), staged.rows.skipped)
    assert _staged_count(tx, locked) == count, "another server appended to the same batch"
    tx.run(
        "UPDATE batches SET total = total + :n, waiting = waiting + :n, "
        "next_position = next_position + :n, updated_us = :now WHERE key = :key",
        n=count,
        now=tx.now_us,
        key=staged.batch_key,
    )
    return _revealed(tx, staged.batch_key, staged, EventType.SCHEDULED_CALLS_ADDED)


def _staged_count(tx: Tx, batch: Row) -> int:
    staged: int = tx.scalar(
        "SELECT COUNT(*) FROM scheduled_calls WHERE batch_key = :batch AND position >= :end",
        batch=batch.key,
        end=batch.next_position,
    )
    return staged


def _revealed(tx: Tx, key: int, staged: Staged, event: EventType) -> StoredRows:
    batch = batch_from(batch_by_key(tx, key))
    append_events(tx, key, [NewEvent(event, "USER_REQUEST", after_of(batch))])
    return StoredRows(batch_from(batch_by_key(tx, key)), staged.rows.skipped)


def _answer(batch_id: BatchId, rows: PlacedRows) -> object:
    skipped = [[s.index, s.normalized_address, s.kept_position] for s in rows.skipped]
    return {"batch_id": batch_id, "skipped": skipped}


def _earlier(
    tx: Tx, account: int, account_id: AccountId, request: RequestKey | None
) -> StoredRows | None:
    answer = earlier_answer(tx, account, request)
    if answer is None:
        return None
    batch = batch_from(find_batch(tx, account_id, BatchId(answer["batch_id"])))
    return StoredRows(batch, tuple(SkippedDuplicate(*skipped) for skipped in answer["skipped"]))


def repeated_answer(tx: Tx, account_id: AccountId, request: RequestKey) -> StoredRows | None:
    return _earlier(tx, account_key(tx, account_id), account_id, request)


def erase_staged(tx: Tx, batch_key: int) -> int:
    """Rows behind the revealed ones; for a batch that was never revealed, all of them."""
    batch = _settled(tx, batch_key)
    return 0 if batch is None else _erase_behind(tx, batch_key, batch.next_position)


def erase_unrevealed(tx: Tx, batch_key: int) -> int:
    """Nothing, when the batch was revealed after all."""
    batch = _settled(tx, batch_key)
    if batch is None or batch.revealed_us is not None:
        return 0
    erased = _erase_behind(tx, batch_key, batch.next_position)
    tx.run("DELETE FROM batches WHERE key = :key AND revealed_us IS NULL", key=batch_key)
    return erased


def _settled(tx: Tx, batch_key: int) -> Row | None:
    """What is revealed of a batch. A reveal whose commit is under way, or whose answer was
    lost, holds the row: only behind it is certain what was revealed."""
    return tx.one_or_none(
        "SELECT next_position, revealed_us FROM batches WHERE key = :key "
        f"{tx.dialect.for_update()}",
        key=batch_key,
    )


def _erase_behind(tx: Tx, batch_key: int, end: int, before_id: bytes = LAST_ID) -> int:
    return tx.run(
        "DELETE FROM scheduled_calls WHERE batch_key = :key AND position >= :end AND id <= :before",
        key=batch_key,
        end=end,
        before=before_id,
    )


def sweep_staging(tx: Tx, older_than: timedelta | None) -> int:
    """What creations and appends that broke off have left, everywhere. Beside other servers
    those may still be under way: `older_than` spares them."""
    before_us, before_id = tx.now_us, LAST_ID
    if older_than is not None:
        before_us, before_id = micros(tx.now - older_than), first_id_at(tx.now - older_than)
    unrevealed = tx.all(
        "SELECT key FROM batches WHERE ended_us IS NULL AND revealed_us IS NULL "
        "AND created_us <= :before ORDER BY key",
        before=before_us,
    )
    erased = sum(erase_unrevealed(tx, batch.key) for batch in unrevealed)
    grown = tx.all(
        "SELECT b.key FROM batches b WHERE b.ended_us IS NULL AND b.revealed_us IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM scheduled_calls s WHERE s.batch_key = b.key "
        "AND s.position >= b.next_position AND s.id <= :before) ORDER BY b.key",
        before=before_id,
    )
    for batch in grown:
        settled = _settled(tx, batch.key)
        if settled is not None:
            erased += _erase_behind(tx, batch.key, settled.next_position, before_id)
    return erased
