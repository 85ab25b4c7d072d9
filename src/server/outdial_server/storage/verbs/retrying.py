"""Ended rows wait again, and their batch goes on."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from outdial_server.domain.batch_refusals import refusal
from outdial_server.domain.batch_rules import BatchChange
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.claims import dialing_rank
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, ScheduledCallId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.retry import (
    RETRIED_REASON,
    RETRYABLE_STATES,
    RetrySelection,
    outcome_before_retry,
    retry,
)
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.ports.retries import RetryOrder
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment, not_found
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import (
    batch_from,
    find_batch,
    lock_batch,
    save_change,
)
from outdial_server.storage.verbs.counting import BatchMoves, apply_moves
from outdial_server.storage.verbs.log import NewEvent, RowAfter
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK
from outdial_server.storage.verbs.reading import among, find_row, row_from
from outdial_server.storage.verbs.requests import answered_before
from outdial_server.storage.verbs.webhook_turns import follow_batch


def begin_retry(tx: Tx, order: RetryOrder, request: RequestKey | None) -> datetime:
    batch = find_batch(tx, order.account_id, order.batch_id)
    answer = {"ended_by_us": tx.now_us}
    earlier = answered_before(tx, batch.account_key, request, answer)
    change = _decide(tx, batch.key, order.window_end)
    # A batch that has ended goes on with the first row, and not before: it would end again.
    if change is not None and batch.ended_us is None:
        save_change(tx, batch.key, change)
    return tx.now if earlier is None else moment(earlier["ended_by_us"])


def look_for_rows(
    tx: Tx, order: RetryOrder, ended_by: datetime, from_position: int, limit: int
) -> tuple[list[int], int | None]:
    """Keys of the next rows that fit, and where to look on. For a reader: the writer is given
    these, and never looks for them."""
    batch = find_batch(tx, order.account_id, order.batch_id)
    to_position = from_position + ROWS_PER_LOOK
    rows = tx.all(
        "SELECT s.key, s.position, s.final_state, s.disposition FROM scheduled_calls s "
        "WHERE s.batch_key = :batch AND s.position >= :from_position "
        "AND s.position < :to_position AND s.ended_us <= :ended_by AND s.address <> '' "
        + among("s.final_state", order.selection.states)
        + "ORDER BY s.position LIMIT :limit",
        batch=batch.key,
        from_position=from_position,
        to_position=min(to_position, batch.next_position),
        ended_by=micros(ended_by),
        limit=limit,
    )
    next_position = rows[-1].position + 1 if len(rows) == limit else to_position
    keys = [row.key for row in rows if _fits(row, order.selection)]
    return keys, next_position if next_position < batch.next_position else None


def _fits(row: Row, selection: RetrySelection) -> bool:
    disposition = None if row.disposition is None else Disposition(row.disposition)
    return selection.includes(ScheduledCallState(row.final_state), disposition)


def retry_rows(tx: Tx, order: RetryOrder, ended_by: datetime, keys: Collection[int]) -> int:
    """Of these rows, those that still fit."""
    batch = find_batch(tx, order.account_id, order.batch_id)
    rows = [
        row
        for row in _lock_ended(tx, keys, order.selection.states)
        if _fits(row, order.selection) and row.ended_us <= micros(ended_by)
    ]
    _wait_again(tx, batch.key, rows, order.window_end)
    return len(rows)


def retry_scheduled_call(
    tx: Tx, account_id: AccountId, row_id: ScheduledCallId, request: RequestKey | None
) -> ScheduledCall:
    found = find_row(tx, account_id, row_id)
    answer = {"scheduled_call_id": row_id}
    if answered_before(tx, _account_of(tx, found), request, answer) is None:
        rows = _lock_ended(tx, [found.key], RETRYABLE_STATES)
        if not rows:
            raise _refusal(row_from(find_row(tx, account_id, row_id)))
        _wait_again(tx, found.batch_key, rows, None)
    return row_from(find_row(tx, account_id, row_id))


def _account_of(tx: Tx, row: Row) -> int:
    key: int = tx.scalar("SELECT account_key FROM batches WHERE key = :key", key=row.batch_key)
    return key


def _refusal(row: ScheduledCall) -> PreconditionError:
    if not row.address:
        # See verbs.forgetting.
        return PreconditionError(
            Reason.SCHEDULED_CALL_NOT_ENDED,
            "the person of the scheduled call was erased: there is no number to call",
            {"state": row.state.name},
        )
    return PreconditionError(
        Reason.SCHEDULED_CALL_NOT_ENDED,
        f"the scheduled call is {row.state.name}; only one that has ended can be retried",
        {"state": row.state.name},
    )


def _lock_ended(
    tx: Tx, keys: Collection[int], states: Collection[ScheduledCallState]
) -> Sequence[Row]:
    """Two retries of one row: the second waits here, and then finds that it has not ended."""
    return tx.all(
        "SELECT s.key, s.final_state, s.disposition, s.ended_us, s.dispatch_outcome, "
        "s.attempts, s.priority, c.key AS call_key FROM scheduled_calls s "
        f"LEFT JOIN calls c ON c.key = s.call_key AND c.state = {int(CallState.ENDED)} "
        f"WHERE s.key IN (SELECT r.key FROM {tx.dialect.rows('rows', _KEY)} AS r) "
        "AND s.address <> '' "
        + among("s.final_state", states)
        + f"ORDER BY s.position {tx.dialect.for_update('s')}",
        rows=json_text([[key] for key in keys]),
    )


_KEY: Final = (("key", Kind.INT),)


def _decide(tx: Tx, batch_key: int, window_end: datetime | None) -> BatchChange | None:
    """Under the batch row. Another transaction may have deleted it meanwhile."""
    batch = batch_from(lock_batch(tx, batch_key))
    if batch.deleted_at is not None:
        raise not_found(Reason.BATCH_NOT_FOUND, "batch", batch.batch_id)
    change = retry(batch, window_end, tx.now)
    if tx.scalar("SELECT payloads_erased_to FROM batches WHERE key = :key", key=batch_key):
        # Without the context the agent would not know what to say.
        raise refusal(batch, "retried", "retention has erased what its people were called for")
    return change


def _wait_again(tx: Tx, batch_key: int, rows: Sequence[Row], window_end: datetime | None) -> None:
    if not rows:
        return
    change = _decide(tx, batch_key, window_end)
    account = tx.scalar("SELECT account_key FROM batches WHERE key = :key", key=batch_key)
    follow_batch(tx, account, batch_key)
    if change is not None:
        save_change(tx, batch_key, change)
    tx.run(
        "UPDATE scheduled_calls SET final_state = NULL, state_reason = :reason, due_us = :now, "
        "rank = r.rank, retry_attempt = NULL, ended_us = NULL, "
        "dispatch_outcome = r.outcome, dispatched_us = "
        f"CASE WHEN r.outcome = {int(DispatchOutcome.NONE)} THEN NULL ELSE dispatched_us END "
        f"FROM {tx.dialect.rows('rows', _RETRIED)} AS r WHERE scheduled_calls.key = r.key",
        reason=RETRIED_REASON,
        now=tx.now_us,
        rows=json_text([_retried_values(row) for row in rows]),
    )
    moves = BatchMoves()
    for row in rows:
        moves.move(batch_key, ScheduledCallState(row.final_state), ScheduledCallState.WAITING)
        refused = row.dispatch_outcome == DispatchOutcome.REFUSED
        moves.count(batch_key, "dispatch_refused", -int(refused))
        is_left = row.dispatch_outcome != DispatchOutcome.ACCEPTED
        moves.count(batch_key, "undispatched", int(is_left))
        moves.record(batch_key, _retried_event(row, tx.now_us))
    apply_moves(tx, moves)


_RETRIED: Final = (("key", Kind.INT), ("rank", Kind.INT), ("outcome", Kind.INT))


def _retried_values(row: Row) -> list[Any]:
    outcome = outcome_before_retry(DispatchOutcome(row.dispatch_outcome))
    return [row.key, dialing_rank(row.priority, row.attempts), int(outcome)]


def _retried_event(row: Row, due_us: int) -> NewEvent:
    after = RowAfter(
        scheduled_key=row.key,
        call_key=row.call_key,
        state=ScheduledCallState.WAITING,
        reason=RETRIED_REASON,
        dispatch_outcome=outcome_before_retry(DispatchOutcome(row.dispatch_outcome)),
        attempt=row.attempts,
        call_state=None if row.call_key is None else CallState.ENDED,
        disposition=None if row.disposition is None else Disposition(row.disposition),
        due_us=due_us,
    )
    return NewEvent(EventType.SCHEDULED_CALL_RETRIED, "USER_REQUEST", after)
