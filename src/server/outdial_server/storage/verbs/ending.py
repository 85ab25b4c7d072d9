"""Rows that end while they wait: settled, cancelled by hand, or skipped by a rule."""

from collections.abc import Sequence
from typing import Final

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.counting import BatchMoves, apply_moves, finish_done
from outdial_server.storage.verbs.log import NewEvent, RowAfter

SELECT_WAITING: Final = (
    "SELECT s.key, s.dispatch_outcome, s.attempts, s.disposition, c.key AS call_key "
    "FROM scheduled_calls s "
    f"LEFT JOIN calls c ON c.key = s.call_key AND c.state = {int(CallState.ENDED)} "
)
"""Rows for `end_rows`, with the call of the last try."""


def end_rows(
    tx: Tx,
    batch_key: int,
    rows: Sequence[Row],
    state: ScheduledCallState,
    reason: str,
    cause: str,
) -> None:
    """Ends rows of one batch that wait."""
    write_ends(tx, rows, state, reason)
    moves = BatchMoves()
    record_ends(moves, batch_key, rows, state, reason, cause)
    finish_done(tx, apply_moves(tx, moves))


def write_ends(tx: Tx, rows: Sequence[Row], state: ScheduledCallState, reason: str) -> None:
    tx.run(
        "UPDATE scheduled_calls SET final_state = :state, state_reason = :reason, due_us = NULL, "
        "ready_us = NULL, ended_us = :now WHERE key IN (SELECT r.key FROM "
        f"{tx.dialect.rows('rows', (('key', Kind.INT),))} AS r)",
        state=int(state),
        reason=reason,
        now=tx.now_us,
        rows=json_text([[row.key] for row in rows]),
    )


def record_ends(
    moves: BatchMoves,
    batch_key: int,
    rows: Sequence[Row],
    state: ScheduledCallState,
    reason: str,
    cause: str,
) -> None:
    for row in rows:
        moves.move(batch_key, ScheduledCallState.WAITING, state)
        refused = row.dispatch_outcome == DispatchOutcome.REFUSED
        moves.count(batch_key, "dispatch_refused", int(refused))
        was_left = row.dispatch_outcome != DispatchOutcome.ACCEPTED
        moves.count(batch_key, "undispatched", -int(was_left))
        after = _ended_while_waiting(row, state, reason)
        moves.record(batch_key, NewEvent(EventType.SCHEDULED_CALL_ENDED, cause, after))


def _ended_while_waiting(row: Row, state: ScheduledCallState, reason: str) -> RowAfter:
    return RowAfter(
        scheduled_key=row.key,
        call_key=row.call_key,
        state=state,
        reason=reason,
        dispatch_outcome=DispatchOutcome(row.dispatch_outcome),
        attempt=row.attempts,
        call_state=None if row.call_key is None else CallState.ENDED,
        disposition=None if row.disposition is None else Disposition(row.disposition),
    )
