"""The event log, read."""

from typing import Final

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.errors import OutOfRangeError, Reason
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import BatchId, CallId, ScheduledCallId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.ports.events import EventSlice, RowSlice
from outdial_server.storage.causes import cause_from
from outdial_server.storage.encoding import (
    by_number,
    id_or_not_found,
    moment,
    moment_or_none,
    not_found,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, batch_from
from outdial_server.storage.verbs.reading import rows_after, rows_in_events

_SELECT: Final = (
    "SELECT e.seq, e.at_us, e.type, e.cause, e.scheduled_key, e.state, e.reason, e.detail, "
    "e.total, e.dispatch_outcome, e.attempt, e.call_state, e.disposition, e.due_us, "
    "e.previous_state, "
    "s.id AS scheduled_id, s.position, c.id AS call_id FROM events e "
    "LEFT JOIN scheduled_calls s ON s.key = e.scheduled_key "
    "LEFT JOIN calls c ON c.key = e.call_key "
    "WHERE e.batch_key = :batch AND e.seq > :after AND e.seq <= :last "
)
_THINNED: Final = "AND (e.scheduled_key IS NULL OR e.seq = :last) "


def _batch_row(tx: Tx, batch_id: BatchId) -> Row:
    packed = id_or_not_found(batch_id, Reason.BATCH_NOT_FOUND, "batch")
    row = tx.one_or_none(
        SELECT_BATCH + "WHERE b.id = :id AND b.revealed_us IS NOT NULL AND b.erasure IS NULL",
        id=packed,
    )
    if row is None:
        raise not_found(Reason.BATCH_NOT_FOUND, "batch", batch_id)
    return row


def _refuse_erased(row: Row, after: int) -> None:
    if after + 1 < row.oldest_seq:
        raise OutOfRangeError(
            Reason.EVENTS_ERASED,
            f"events before {row.oldest_seq} were erased; start again without a token",
            {"oldest_sequence": str(row.oldest_seq)},
        )


def read_events(
    tx: Tx, batch_id: BatchId, after: int, limit: int, *, thinned: bool = False
) -> EventSlice:
    row = _batch_row(tx, batch_id)
    _refuse_erased(row, after)
    sql = f"{_SELECT}{_THINNED if thinned else ''}ORDER BY e.seq"
    last = min(after + limit, row.event_seq)
    events = tx.all(sql, batch=row.key, after=after, last=last)
    return EventSlice(batch_from(row), [_event(event) for event in events], row.oldest_seq)


def _event(row: Row) -> Event:
    event_type = _EVENT_TYPES[row.type]
    cause = cause_from(event_type, row.cause)
    return Event(row.seq, moment(row.at_us), event_type, cause, _after(row))


def _after(row: Row) -> BatchAfter | ScheduledCallAfter:
    if row.scheduled_key is None:
        return BatchAfter(
            row.state, row.reason or "", row.detail or "", row.total, row.previous_state
        )
    return ScheduledCallAfter(
        scheduled_call_id=ScheduledCallId(unpack_id(row.scheduled_id)),
        position=row.position,
        state=_ROW_STATES[row.state],
        state_reason=row.reason or "",
        dispatch_outcome=_DISPATCH_OUTCOMES[row.dispatch_outcome],
        call_id=None if row.call_id is None else CallId(unpack_id(row.call_id)),
        attempt_number=row.attempt,
        call_state=None if row.call_state is None else _CALL_STATES[row.call_state],
        disposition=None if row.disposition is None else _DISPOSITIONS[row.disposition],
        due_at=moment_or_none(row.due_us),
    )


_EVENT_TYPES: Final = by_number(EventType)
_ROW_STATES: Final = by_number(ScheduledCallState)
_DISPATCH_OUTCOMES: Final = by_number(DispatchOutcome)
_CALL_STATES: Final = by_number(CallState)
_DISPOSITIONS: Final = by_number(Disposition)


def read_rows(tx: Tx, batch_id: BatchId, after_position: int, limit: int) -> RowSlice:
    row = _batch_row(tx, batch_id)
    return RowSlice(batch_from(row), rows_after(tx, row.key, after_position, limit))


def changed_since(tx: Tx, batch_id: BatchId, after: int, limit: int) -> RowSlice:
    row = _batch_row(tx, batch_id)
    _refuse_erased(row, after)
    to = min(after + limit, row.event_seq)
    return RowSlice(batch_from(row), rows_in_events(tx, row.key, after, to), to)
