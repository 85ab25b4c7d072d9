"""What has been kept for long enough is erased: a group a transaction, found by index.

Payloads and events go from batches that stay. A batch that goes itself is hidden first, so
that nobody sees half of it; then go its events, its people with their calls, and its row.
Each step notes how far it came in the row of the batch: whenever it is broken off, the next
one goes on from there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final

from outdial_server.domain.imports import ImportState
from outdial_server.domain.retention import Retention
from outdial_server.domain.slots import ScopeKind
from outdial_server.ports.retention import Erased, Swept
from outdial_server.storage.encoding import first_id_at, micros
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.contact_folders import erase_deleted
from outdial_server.storage.verbs.erasing_counts import (
    erase_number_calls,
    erase_suppressions,
    erase_throttle_hits,
)
from outdial_server.storage.verbs.erasing_rows import blank, called, erase_rows, next_rows
from outdial_server.storage.verbs.held_rows import erase_entries
from outdial_server.storage.verbs.imports import erase_findings
from outdial_server.storage.verbs.rotations import erase_rotation
from outdial_server.storage.verbs.row_configs import erase_row_configs
from outdial_server.storage.verbs.webhook_log import erase_deliveries
from outdial_server.storage.verbs.webhook_turns import forget_turns_of_batch

_STEP_COST: Final = 10
"""What a step costs besides the rows that it looks at, in rows."""
_EVENTS_FOR_A_ROW: Final = 4
"""Events lie together and nothing refers to them: a quarter of the work, at most."""
_STAGING_MOST: Final = timedelta(hours=1)
"""Rows that were staged longer ago are of an append that broke off."""
_BEHIND_ALL: Final = 2**62


class Erasure(IntEnum):
    """How far a batch is that goes itself. The numbers are stored."""

    UNDER_WAY = 1
    # Nothing is left but people who were called, with their calls, until those are due.
    CALLS_KEPT = 2


@dataclass(frozen=True, slots=True)
class _Step:
    erased: Erased
    looked_at: int = 0


def erase(tx: Tx, keep: Retention, limit: int) -> Swept:
    """Many small batches go in one group, a large one in many."""
    erased, budget = Erased(), limit
    while budget > 0:
        step = _next_step(tx, keep, budget)
        if step is None:
            return Swept(erased, more=False)
        erased += step.erased
        budget -= step.looked_at + _STEP_COST
    return Swept(erased, more=True)


def _next_step(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    for attempt in _STEPS:
        step = attempt(tx, keep, limit)
        if step is not None:
            return step
    return None


def _before(tx: Tx, kept: timedelta) -> int:
    return micros(tx.now - kept)


# --- answers to repeated requests


def _expired_requests(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """They carry their own expiry."""
    erased = tx.run(
        "DELETE FROM requests WHERE (account_key, surface, request_id) IN (SELECT r.account_key, "
        "r.surface, r.request_id FROM requests r WHERE r.expires_us <= :now "
        "ORDER BY r.expires_us LIMIT :limit)",
        now=tx.now_us,
        limit=limit,
    )
    return _Step(Erased(requests=erased), erased) if erased else None


# --- lists that came in


def _old_imports(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """Those that have ended: what broke off is cleared away at a start."""
    if keep.imports is None:
        return None
    old = tx.one_or_none(
        "SELECT i.key FROM imports i WHERE i.created_us <= :before "
        f"AND i.state IS NOT NULL AND i.state <> {int(ImportState.ADDING)} "
        f"ORDER BY i.created_us LIMIT 1 {tx.dialect.skip_locked('i')}",
        before=_before(tx, keep.imports),
    )
    if old is None:
        return None
    findings = erase_findings(tx, old.key, limit)
    imports = 0
    if findings < limit:
        imports = tx.run("DELETE FROM imports WHERE key = :key", key=old.key)
    return _Step(Erased(findings=findings, imports=imports), findings)


# --- deleted folders of contacts


def _deleted_folders(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """Without a grace: who deletes people means it."""
    erased = erase_deleted(tx, limit)
    return None if erased is None else _Step(Erased(contacts=erased), erased)


# --- from batches that stay

_OVER: Final = (
    "b.ended_us IS NOT NULL AND b.settling_to IS NULL "
    "AND b.waiting + b.dialing + b.in_progress + b.unknown + b.sends_in_flight = 0"
)


def _old_events(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    if keep.events is None:
        return None
    batch = tx.one_or_none(
        "SELECT b.key, b.oldest_seq, b.event_seq FROM batches b WHERE b.erasure IS NULL "
        f"AND events_erased_us < ended_us AND b.ended_us <= :before AND {_OVER} "
        f"ORDER BY b.ended_us LIMIT 1 {tx.dialect.skip_locked('b')}",
        before=_before(tx, keep.events),
    )
    return None if batch is None else _events_step(tx, batch, limit)


def _events_step(tx: Tx, batch: Row, limit: int) -> _Step:
    erased = erase_events(tx, batch, limit * _EVENTS_FOR_A_ROW)
    return _Step(Erased(events=erased), erased // _EVENTS_FOR_A_ROW)


def erase_events(tx: Tx, batch: Row, limit: int) -> int:
    """The log remembers its oldest event; whoever asks for an older one is told of it."""
    to = min(batch.oldest_seq + limit, batch.event_seq + 1)
    erased = tx.run(
        "DELETE FROM events WHERE batch_key = :batch AND seq < :to", batch=batch.key, to=to
    )
    tx.run(
        "UPDATE batches SET oldest_seq = :to, events_erased_us = CASE WHEN :to > event_seq "
        "THEN coalesce(ended_us, 0) ELSE events_erased_us END WHERE key = :batch",
        batch=batch.key,
        to=to,
    )
    return erased


def _old_payloads(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """Rows are locked before their batch, as by everybody else. In between the batch may
    have been retried, or another server may have come first: so it is asked again."""
    if keep.payloads is None:
        return None
    due = (
        f"b.erasure IS NULL AND payloads_erased_to < next_position AND b.ended_us <= :before "
        f"AND {_OVER}"
    )
    before = _before(tx, keep.payloads)
    batch = tx.one_or_none(
        f"SELECT b.key, b.payloads_erased_to, b.next_position FROM batches b WHERE {due} "
        "ORDER BY b.ended_us LIMIT 1",
        before=before,
    )
    if batch is None:
        return None
    rows = next_rows(tx, batch.key, batch.payloads_erased_to, batch.next_position, limit)
    still = tx.one_or_none(
        f"SELECT b.key FROM batches b WHERE b.key = :key AND b.payloads_erased_to = :from "
        f"AND {due} {tx.dialect.for_update('b')}",
        key=batch.key,
        before=before,
        **{"from": batch.payloads_erased_to},
    )
    if still is None:
        return None
    erased = blank(tx, rows)
    tx.run(
        "UPDATE batches SET payloads_erased_to = :to WHERE key = :key",
        key=batch.key,
        to=rows[-1].position + 1 if rows else batch.next_position,
    )
    return _Step(Erased(payloads=erased), len(rows))


# --- batches that go themselves

_UNUSED: Final = (
    "NOT EXISTS (SELECT 1 FROM slots l WHERE l.kind = :kind AND l.owner = b.key AND l.used > 0) "
    "AND NOT EXISTS (SELECT 1 FROM scheduled_calls s WHERE s.batch_key = b.key "
    "AND s.position >= b.next_position AND s.id >= :staged)"
)


def _hide(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """Deleted batches after their grace, others when they are old."""
    for since, kept in (("deleted_us", keep.deleted), ("ended_us", keep.batches)):
        batch = None if kept is None else _batch_to_hide(tx, since, kept)
        if batch is not None:
            tx.run(
                "UPDATE batches SET erasure = :erasure, deleted_us = coalesce(deleted_us, :now) "
                "WHERE key = :key",
                erasure=int(Erasure.UNDER_WAY),
                now=tx.now_us,
                key=batch.key,
            )
            return _Step(Erased())
    return None


def _batch_to_hide(tx: Tx, since: str, kept: timedelta) -> Row | None:
    return tx.one_or_none(
        f"SELECT b.key FROM batches b WHERE b.erasure IS NULL AND b.{since} <= :before "
        f"AND {_OVER} AND {_UNUSED} ORDER BY b.{since} LIMIT 1 {tx.dialect.skip_locked('b')}",
        before=_before(tx, kept),
        kind=int(ScopeKind.BATCH),
        staged=first_id_at(tx.now - _STAGING_MOST),
    )


def _hidden(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """Nobody finds the batch any more, so nothing of it is locked by others for long."""
    batch = tx.one_or_none(
        "SELECT b.key, b.oldest_seq, b.event_seq, b.ended_us, b.rows_erased_to FROM batches b "
        f"WHERE b.erasure = {int(Erasure.UNDER_WAY)} ORDER BY b.ended_us LIMIT 1 "
        f"{tx.dialect.skip_locked('b')}"
    )
    if batch is None:
        return None
    if batch.oldest_seq <= batch.event_seq:
        return _events_step(tx, batch, limit)
    rows = next_rows(tx, batch.key, batch.rows_erased_to, _BEHIND_ALL, limit)
    if not rows:
        return _Step(Erased(batches=_let_go(tx, batch.key)))
    are_calls_due = keep.calls is not None and batch.ended_us <= _before(tx, keep.calls)
    staying = set() if are_calls_due else called(tx, rows)
    erased = erase_rows(tx, [row for row in rows if row.key not in staying])
    payloads = blank(tx, [row for row in rows if row.key in staying])
    tx.run(
        "UPDATE batches SET rows_erased_to = :to WHERE key = :key",
        to=rows[-1].position + 1,
        key=batch.key,
    )
    return _Step(erased + Erased(payloads=payloads), len(rows))


def _let_go(tx: Tx, batch_key: int) -> int:
    """The batch itself goes, or waits for the calls that are kept."""
    kept = tx.scalar(
        "SELECT position FROM scheduled_calls WHERE batch_key = :key AND position >= 0 "
        "ORDER BY position LIMIT 1",
        key=batch_key,
    )
    if kept is not None:
        tx.run(
            f"UPDATE batches SET erasure = {int(Erasure.CALLS_KEPT)} WHERE key = :key",
            key=batch_key,
        )
        return 0
    tx.run(
        "DELETE FROM slots WHERE kind = :kind AND owner = :key",
        kind=int(ScopeKind.BATCH),
        key=batch_key,
    )
    erase_rotation(tx, batch_key)
    erase_entries(tx, batch_key)
    erase_row_configs(tx, batch_key)
    forget_turns_of_batch(tx, batch_key)
    return tx.run("DELETE FROM batches WHERE key = :key", key=batch_key)


def _old_calls(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """Batches of which only calls were kept go once more, now to the end."""
    if keep.calls is None:
        return None
    batch = tx.one_or_none(
        f"SELECT b.key FROM batches b WHERE b.erasure = {int(Erasure.CALLS_KEPT)} "
        f"AND b.ended_us <= :before ORDER BY b.ended_us LIMIT 1 {tx.dialect.skip_locked('b')}",
        before=_before(tx, keep.calls),
    )
    if batch is None:
        return None
    tx.run(
        f"UPDATE batches SET erasure = {int(Erasure.UNDER_WAY)}, rows_erased_to = 0 "
        "WHERE key = :key",
        key=batch.key,
    )
    return _Step(Erased())


# --- what rules have counted


def _old_number_calls(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    erased = erase_number_calls(tx, limit)
    return _Step(Erased(number_calls=erased), erased) if erased else None


def _old_throttle_hits(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    erased = erase_throttle_hits(tx, limit)
    return _Step(Erased(throttle_hits=erased), erased) if erased else None


# --- what webhooks were told


def _old_deliveries(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    if keep.deliveries is None:
        return None
    erased = erase_deliveries(tx, _before(tx, keep.deliveries), limit)
    return _Step(Erased(deliveries=erased), erased) if erased else None


def _ended_suppressions(tx: Tx, keep: Retention, limit: int) -> _Step | None:
    """They carry their own end. The first step, and then the only one of its transaction: an
    account is locked before all else."""
    erased = erase_suppressions(tx, limit)
    return _Step(Erased(suppressions=erased), limit) if erased else None


_STEPS: Final[Sequence[Callable[[Tx, Retention, int], _Step | None]]] = (
    _ended_suppressions,
    _expired_requests,
    _old_number_calls,
    _old_throttle_hits,
    _old_imports,
    _old_deliveries,
    _deleted_folders,
    _hidden,
    _hide,
    _old_calls,
    _old_payloads,
    _old_events,
)
