"""The event log: numbers are given out under the batch row, without a gap."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import BatchAfter, EventType
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.storage.causes import stored_cause
from outdial_server.storage.encoding import unpack_id
from outdial_server.storage.tx import Tx


class RowAfter(NamedTuple):
    """`domain.event.ScheduledCallAfter`, with the store's keys in place of ids. A tuple:
    each event of each call is one, and a frozen dataclass takes three times as long."""

    scheduled_key: int
    call_key: int | None
    state: ScheduledCallState
    reason: str
    dispatch_outcome: DispatchOutcome
    attempt: int
    call_state: CallState | None
    disposition: Disposition | None
    due_us: int | None = None


class NewEvent(NamedTuple):
    type: EventType
    cause: str
    after: BatchAfter | RowAfter


_COLUMNS: Final = ("batch_key", "seq", "at_us", "type", "cause", "state", "reason")
_OF_BATCH: Final = (*_COLUMNS, "detail", "total", "previous_state")
_OF_ROW: Final = (
    *_COLUMNS,
    "scheduled_key",
    "call_key",
    "dispatch_outcome",
    "attempt",
    "call_state",
    "disposition",
    "due_us",
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
    first, at_us = last_seq - len(events) + 1, tx.now_us
    of_rows: list[tuple[Any, ...]] = []
    of_batch: list[tuple[Any, ...]] = []
    for i, (event_type, cause, after) in enumerate(events):
        head = (batch_key, first + i, at_us, int(event_type), stored_cause(event_type, cause))
        if isinstance(after, RowAfter):
            of_rows.append(head + _of_row(after))
        else:
            of_batch.append(head + _of_batch(after))
            tx.happened.events[int(event_type), None] += 1
    tx.insert("events", _OF_ROW, of_rows)
    tx.insert("events", _OF_BATCH, of_batch)
    tx.happened.events.update(map(_KIND, of_rows))


_KIND: Final = itemgetter(_OF_ROW.index("type"), _OF_ROW.index("disposition"))
"""In one pass inside the interpreter: a call has five events."""


def _of_row(after: RowAfter) -> tuple[Any, ...]:
    return (
        int(after.state),
        after.reason or None,
        after.scheduled_key,
        after.call_key,
        int(after.dispatch_outcome),
        after.attempt,
        None if after.call_state is None else int(after.call_state),
        None if after.disposition is None else int(after.disposition),
        after.due_us,
    )


def _of_batch(after: BatchAfter) -> tuple[Any, ...]:
    reason, detail = after.state_reason or None, after.state_detail or None
    return (after.state, reason, detail, after.total, after.previous_state)
