"""The event log: numbers are given out under the batch row, without a gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import BatchAfter, EventType
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.storage.encoding import unpack_id
from outdial_server.storage.tx import Tx


@dataclass(frozen=True, slots=True)
class RowAfter:
    """`domain.event.ScheduledCallAfter`, with the store's keys in place of ids."""

    scheduled_key: int
    call_key: int | None
    state: ScheduledCallState
    reason: str
    dispatch_outcome: DispatchOutcome
    attempt: int
    call_state: CallState | None
    disposition: Disposition | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    type: EventType
    cause: str
    after: BatchAfter | RowAfter


_INSERT: Final = (
    "INSERT INTO events (batch_key, seq, at_us, type, cause, scheduled_key, call_key, state, "
    "reason, detail, total, dispatch_outcome, attempt, call_state, disposition) VALUES "
    "(:batch_key, :seq, :at_us, :type, :cause, :scheduled_key, :call_key, :state, :reason, "
    ":detail, :total, :dispatch_outcome, :attempt, :call_state, :disposition)"
)


def append_events(tx: Tx, batch_key: int, events: Sequence[NewEvent]) -> None:
    """Takes the next numbers of the batch and writes the events."""
    row = tx.one_or_none(
        "UPDATE batches SET event_seq = event_seq + :n WHERE key = :key RETURNING event_seq, id",
        n=len(events),
        key=batch_key,
    )
    assert row is not None
    write_events(tx, batch_key, row.event_seq, events)
    tx.touched.add(BatchId(unpack_id(row.id)))


def write_events(tx: Tx, batch_key: int, last_seq: int, events: Sequence[NewEvent]) -> None:
    """Writes events whose numbers, up to `last_seq`, were taken already."""
    first = last_seq - len(events) + 1
    at_us = tx.now_us
    rows = [_values(batch_key, first + i, at_us, event) for i, event in enumerate(events)]
    tx.run_many(_INSERT, rows)
    tx.happened.events.update((row["type"], row["disposition"]) for row in rows)


def _values(batch_key: int, seq: int, at_us: int, event: NewEvent) -> dict[str, Any]:
    head = {
        "batch_key": batch_key,
        "seq": seq,
        "at_us": at_us,
        "type": int(event.type),
        "cause": event.cause,
    }
    return head | (
        _batch_values(event.after)
        if isinstance(event.after, BatchAfter)
        else _row_values(event.after)
    )


def _batch_values(after: BatchAfter) -> dict[str, Any]:
    return {
        "scheduled_key": None,
        "call_key": None,
        "state": after.state,
        "reason": after.state_reason or None,
        "detail": after.state_detail or None,
        "total": after.total,
        "dispatch_outcome": None,
        "attempt": None,
        "call_state": None,
        "disposition": None,
    }


def _row_values(after: RowAfter) -> dict[str, Any]:
    return {
        "scheduled_key": after.scheduled_key,
        "call_key": after.call_key,
        "state": int(after.state),
        "reason": after.reason or None,
        "detail": None,
        "total": None,
        "dispatch_outcome": int(after.dispatch_outcome),
        "attempt": after.attempt,
        "call_state": None if after.call_state is None else int(after.call_state),
        "disposition": None if after.disposition is None else int(after.disposition),
    }
