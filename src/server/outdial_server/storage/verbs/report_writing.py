"""What a group of reports leaves of its calls and scheduled calls, written back."""

from collections.abc import Sequence
from typing import Any, Final

from outdial_server.domain.call import CallState
from outdial_server.domain.claims import dialing_rank
from outdial_server.domain.scheduled_call import DispatchOutcome
from outdial_server.domain.transition import Transition
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import micros
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.reported_calls import ReportedCall

_CLAIMED: Final = CallState.CLAIMED

_CALL_COLUMNS: Final = (
    ("key", Kind.INT),
    ("old_fence", Kind.INT),
    ("old_state", Kind.INT),
    ("state", Kind.INT),
    ("fence", Kind.INT),
    ("trusted", Kind.INT),
    ("keeps_trust", Kind.INT),
    ("holds_slot", Kind.INT),
    ("carrier_call_id", Kind.TEXT),
    ("disposition", Kind.INT),
    ("reason", Kind.TEXT),
    ("accepted", Kind.INT),
    ("ringing", Kind.INT),
    ("answered", Kind.INT),
    ("ended", Kind.INT),
    ("sent", Kind.INT),
)


# 0 and '' stand for null: to bind a None takes SQLite's driver 0.4 us, ten times as long.
_CALL_SET: Final = (
    "state = r.state, fence = r.fence, "
    "trusted_until_us = CASE WHEN r.keeps_trust = 1 THEN trusted_until_us "
    "ELSE nullif(r.trusted, 0) END, "
    "holds_slot = r.holds_slot, "
    "lookups = CASE WHEN r.state = r.old_state THEN lookups ELSE 0 END, "
    "carrier_call_id = nullif(r.carrier_call_id, ''), "
    # An id that is learnt late must not wipe out how the call ended.
    "disposition = coalesce(nullif(r.disposition, 0), calls.disposition), "
    "reason = coalesce(nullif(r.reason, ''), calls.reason), "
    "accepted_us = coalesce(accepted_us, nullif(r.accepted, 0)), "
    "ringing_us = coalesce(ringing_us, nullif(r.ringing, 0)), "
    "answered_us = coalesce(answered_us, nullif(r.answered, 0)), "
    "ended_us = coalesce(ended_us, nullif(r.ended, 0)), "
    "sent_us = CASE WHEN r.sent = 0 THEN NULL ELSE sent_us END"
)
_CALL_GUARD: Final = "calls.key = r.key AND calls.fence = r.old_fence AND calls.state = r.old_state"


def write_calls(tx: Tx, works: Sequence[ReportedCall]) -> None:
    sql = tx.dialect.update_each("calls", _CALL_SET, _CALL_GUARD, _CALL_COLUMNS)
    changed = tx.update_each(sql, [_call_values(work) for work in works])
    assert changed == len(works), "locked rows changed under us"


def _call_values(work: ReportedCall) -> tuple[Any, ...]:
    row, last, stamp_of = work.row, work.last, work.stamps.get
    assert last is not None
    released = last.state is _CLAIMED
    return (
        row.key,
        row.fence,
        row.state,
        int(last.state),
        row.fence + 1 if released else row.fence,
        0 if last.trusted_until is None else micros(last.trusted_until),
        int(last.event is None),
        int(last.holds_slot),
        last.carrier_call_id,
        0 if last.disposition is None else int(last.disposition),
        last.reason,
        stamp_of("accepted_us", 0),
        stamp_of("ringing_us", 0),
        stamp_of("answered_us", 0),
        stamp_of("ended_us", 0),
        0 if released else 1,
    )


_ROW_COLUMNS: Final = (
    ("key", Kind.INT),
    ("final_state", Kind.INT),
    ("reason", Kind.TEXT),
    ("due", Kind.INT),
    ("rank", Kind.INT),
    ("attempts", Kind.INT),
    ("granted", Kind.INT),
    ("dispatch_outcome", Kind.INT),
    ("dispatched", Kind.INT),
    ("disposition", Kind.INT),
    ("ended", Kind.INT),
)


_ROW_SET: Final = (
    "final_state = nullif(r.final_state, 0), state_reason = nullif(r.reason, ''), "
    "due_us = nullif(r.due, 0), ready_us = NULL, rank = r.rank, attempts = r.attempts, "
    "retry_attempt = coalesce(nullif(r.granted, 0), retry_attempt), "
    "dispatch_outcome = r.dispatch_outcome, "
    "dispatched_us = coalesce(dispatched_us, nullif(r.dispatched, 0)), "
    "disposition = nullif(r.disposition, 0), ended_us = nullif(r.ended, 0)"
)
_ROW_GUARD: Final = "scheduled_calls.key = r.key AND scheduled_calls.final_state IS NULL"


def write_rows(tx: Tx, works: Sequence[ReportedCall]) -> None:
    """A scheduled call changes at its end, or when it waits again; what it does in between
    is read from its call."""
    rows = [_row_values(work, tx.now_us) for work in works if _leaves_call(work.last)]
    sql = tx.dialect.update_each("scheduled_calls", _ROW_SET, _ROW_GUARD, _ROW_COLUMNS)
    tx.update_each(sql, rows)


def _leaves_call(last: Transition | None) -> bool:
    return last is not None and (last.final_state is not None or last.due_at is not None)


def _row_values(work: ReportedCall, now_us: int) -> tuple[Any, ...]:
    row, last = work.row, work.last
    assert last is not None
    attempts = row.attempt - 1 if last.same_attempt else row.attempt
    over = last.final_state is not None
    decided = last.dispatch_outcome is not DispatchOutcome.NONE
    return (
        row.scheduled_key,
        0 if last.final_state is None else int(last.final_state),
        last.state_reason,
        0 if last.due_at is None else micros(last.due_at),
        # Who was asked for and not placed lost neither a try nor the place in the list.
        dialing_rank(row.priority, row.attempt),
        attempts,
        attempts + 1 if last.by_policy else 0,
        int(last.dispatch_outcome),
        (row.accepted_us or work.stamps.get("accepted_us") or now_us) if decided else 0,
        0 if last.disposition is None else int(last.disposition),
        now_us if over else 0,
    )
