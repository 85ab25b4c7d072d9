"""What keeps the promises when something went wrong: leases, silence, windows, settling,
and the audit of the ledger."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.batch_rules import SETTLED_REASON, close_window, open_window
from outdial_server.domain.call import CallState, CallTimes
from outdial_server.domain.carrier_config import config_ref
from outdial_server.domain.ids import CallId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.ports.dispatch import (
    LedgerFault,
    Reaped,
    SilentCall,
    SilentCalls,
    WindowsMoved,
)
from outdial_server.storage.encoding import (
    id_text,
    micros,
    moment,
    moment_or_none,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import apply_decision, lock_batch
from outdial_server.storage.verbs.contact_merging import merge_some
from outdial_server.storage.verbs.ending import SELECT_WAITING, end_rows
from outdial_server.storage.verbs.external_calls import held_by_externals
from outdial_server.storage.verbs.ledger import (
    OWNER_COLUMNS,
    count_scopes,
    lock_slots_of_calls,
    owners_of,
)
from outdial_server.storage.verbs.reading import CARRIER
from outdial_server.storage.verbs.replacing import end_some_replaced
from outdial_server.storage.verbs.reporting import apply_reports, lost_send
from outdial_server.storage.verbs.sending import release_claims

_LEASED: Final = (CallState.CLAIMED, CallState.SENDING)
_LEASED_LIST: Final = ", ".join(str(int(state)) for state in _LEASED)

_REAP_MOST: Final = 1000


def reap(tx: Tx, *, every_lease: bool) -> Reaped:
    rows = _every_lease(tx) if every_lease else _leases_run_out(tx)
    # For claims and sends at once: the ledger comes before the calls.
    lock_slots_of_calls(tx, rows)
    claims = [(row.key, row.fence) for row in rows if row.state == CallState.CLAIMED]
    sends = [
        lost_send(CallId(unpack_id(row.id)), row.fence)
        for row in rows
        if row.state == CallState.SENDING
    ]
    if every_lease:
        tx.run(
            f"UPDATE calls SET trusted_until_us = :now WHERE state NOT IN ({_LEASED_LIST}) "
            "AND trusted_until_us > :now",
            now=tx.now_us,
        )
    given_back = release_claims(tx, claims)
    unknown = apply_reports(tx, sends, ()).changed if sends else 0
    next_us: int | None = tx.scalar(
        f"SELECT MIN(trusted_until_us) FROM calls WHERE state IN ({_LEASED_LIST}) "
        "AND trusted_until_us IS NOT NULL"
    )
    return Reaped(given_back, unknown, moment_or_none(next_us))


_LEASES: Final = (
    f"SELECT c.key, c.id, c.fence, c.state, {OWNER_COLUMNS} FROM calls c "
    f"WHERE c.state IN ({_LEASED_LIST}) AND c.trusted_until_us "
)


def _leases_run_out(tx: Tx) -> Sequence[Row]:
    return tx.all(
        _LEASES + "<= :now ORDER BY trusted_until_us LIMIT :most", now=tx.now_us, most=_REAP_MOST
    )


def _every_lease(tx: Tx) -> Sequence[Row]:
    """No more than there are slots."""
    return tx.all(_LEASES + "IS NOT NULL ORDER BY trusted_until_us")


def silent_calls(tx: Tx, limit: int) -> SilentCalls:
    rows = tx.all(
        f"SELECT c.id, {CARRIER}, c.carrier_call_id, s.address, c.caller_id, c.state, "
        "b.unknown_policy, c.ring_timeout_s, c.max_duration_s, c.sent_us, c.lookups, "
        "k.id AS carrier_config_id FROM calls c "
        "JOIN batches b ON b.key = c.batch_key JOIN scheduled_calls s ON s.key = c.scheduled_key "
        "LEFT JOIN carrier_configs k ON k.key = c.carrier_config_key "
        f"WHERE c.trusted_until_us <= :now AND c.state NOT IN ({_LEASED_LIST}) "
        "ORDER BY c.trusted_until_us LIMIT :limit",
        now=tx.now_us,
        limit=limit,
    )
    next_us: int | None = tx.scalar(
        "SELECT MIN(trusted_until_us) FROM calls WHERE trusted_until_us > :now "
        f"AND state NOT IN ({_LEASED_LIST})",
        now=tx.now_us,
    )
    return SilentCalls(tuple(_silent(row) for row in rows), moment_or_none(next_us), tx.now)


def _silent(row: Row) -> SilentCall:
    return SilentCall(
        CallId(unpack_id(row.id)),
        row.carrier,
        row.carrier_call_id or "",
        row.address,
        CallState(row.state),
        UnknownPolicy(row.unknown_policy),
        CallTimes(timedelta(seconds=row.ring_timeout_s), timedelta(seconds=row.max_duration_s)),
        moment(row.sent_us),
        row.lookups,
        row.caller_id or "",
        config_ref(id_text(row.carrier_config_id)),
    )


def postpone(tx: Tx, until: Sequence[tuple[CallId, datetime]]) -> None:
    if tx.dialect.locks_rows and until:
        # In one order with everybody else who changes calls.
        tx.all(
            f"SELECT c.key FROM calls c WHERE {tx.dialect.id_in('c.id', 'ids')} "
            f"{tx.dialect.lock_in_order('c.key')}",
            ids=tx.dialect.id_list([pack_id(call_id) for call_id, _ in until]),
        )
    tx.run_many(
        "UPDATE calls SET trusted_until_us = :until, lookups = lookups + 1 "
        f"WHERE id = :id AND trusted_until_us <= :now AND state NOT IN ({_LEASED_LIST})",
        [
            {"id": pack_id(call_id), "until": micros(moment), "now": tx.now_us}
            for call_id, moment in until
        ],
    )


def move_windows(tx: Tx) -> WindowsMoved:
    changed = 0
    settling = False
    for row in _windows_to_move(tx):
        opened = apply_decision(tx, row.key, open_window)
        closed = apply_decision(tx, row.key, close_window)
        changed += int(opened is not None) + int(closed is not None)
        settling |= closed is not None
    return WindowsMoved(changed, settling, _next_window(tx))


_OPEN: Final = "ended_us IS NULL AND revealed_us IS NOT NULL"


def _windows_to_move(tx: Tx) -> Sequence[Row]:
    return tx.all(
        f"SELECT key FROM batches WHERE {_OPEN} AND ((state = :scheduled "
        "AND (window_start_us IS NULL OR window_start_us <= :now)) "
        "OR (state <> :draft AND window_end_us <= :now AND settling_to IS NULL "
        "AND waiting > 0)) ORDER BY key",
        scheduled=int(BatchState.SCHEDULED),
        draft=int(BatchState.DRAFT),
        now=tx.now_us,
    )


def _next_window(tx: Tx) -> datetime | None:
    next_us: int | None = tx.scalar(
        "SELECT MIN(at_us) FROM ("
        f"SELECT MIN(window_start_us) AS at_us FROM batches WHERE {_OPEN} "
        "AND state = :scheduled AND window_start_us > :now UNION ALL "
        f"SELECT MIN(window_end_us) AS at_us FROM batches WHERE {_OPEN} "
        "AND state <> :draft AND window_end_us > :now) AS moments",
        scheduled=int(BatchState.SCHEDULED),
        draft=int(BatchState.DRAFT),
        now=tx.now_us,
    )
    return moment_or_none(next_us)


def settle(tx: Tx, limit: int) -> bool:
    """One batch a transaction, at most `limit` rows of it; or a group of an import of contacts
    that somebody has left half way."""
    return (
        end_some_replaced(tx, limit)
        or _end_some(tx, limit)
        or _requeue_some(tx, limit)
        or merge_some(tx)
    )


def _requeue_some(tx: Tx, limit: int) -> bool:
    """The rules of a batch were changed: who was put off by the old ones is due as before,
    and the new ones are asked. A change in between begins anew."""
    batch = tx.one_or_none(
        "SELECT key, requeue_from, next_position FROM batches "
        "WHERE ended_us IS NULL AND requeue_from IS NOT NULL ORDER BY key LIMIT 1"
    )
    if batch is None:
        return False
    end = batch.requeue_from + limit
    tx.run(
        "UPDATE scheduled_calls SET due_us = ready_us, ready_us = NULL WHERE batch_key = :batch "
        "AND position >= :start AND position < :end AND ready_us IS NOT NULL "
        "AND due_us IS NOT NULL",
        batch=batch.key,
        start=batch.requeue_from,
        end=end,
    )
    tx.run(
        "UPDATE batches SET requeue_from = :next WHERE key = :batch AND requeue_from = :start",
        batch=batch.key,
        start=batch.requeue_from,
        next=end if end < batch.next_position else None,
    )
    return True


def _end_some(tx: Tx, limit: int) -> bool:
    # The signs before `position` keep SQLite off the index by position, which holds the
    # rows that are settled already, too.
    batch = tx.one_or_none(
        "SELECT b.key, b.settling_to, b.next_position FROM batches b WHERE b.ended_us IS NULL "
        "AND b.settling_to IS NOT NULL AND b.waiting > 0 AND EXISTS (SELECT 1 "
        "FROM scheduled_calls s WHERE s.batch_key = b.key AND s.due_us IS NOT NULL "
        "AND +s.position < b.next_position) ORDER BY b.key LIMIT 1"
    )
    if batch is None:
        return False
    rows = tx.all(
        SELECT_WAITING + "WHERE s.batch_key = :batch "
        "AND s.due_us IS NOT NULL AND +s.position < :end "
        f"ORDER BY s.rank, s.due_us, s.position LIMIT :limit {tx.dialect.skip_locked('s')}",
        batch=batch.key,
        end=batch.next_position,
        limit=limit,
    )
    if not rows:
        # Others hold them all. What they leave is found by the next sweep, and nobody asks
        # again and again until then.
        return False
    if lock_batch(tx, batch.key).settling_to != batch.settling_to:
        # A later window end came in between: what waits goes on.
        return True
    state = ScheduledCallState(batch.settling_to)
    end_rows(tx, batch.key, rows, state, SETTLED_REASON[state], "SCHEDULER")
    return True


def audit_slots(tx: Tx) -> list[LedgerFault]:
    """The calls, external ones included, are the truth; a scope whose `used` differs from them
    is a fault. In one snapshot: a reader sees both as of one moment."""
    # The sign keeps SQLite off the index by batch: few of all calls hold a slot.
    calls = tx.all(
        f"SELECT {OWNER_COLUMNS}, COUNT(*) AS held FROM calls c WHERE c.holds_slot = 1 "
        f"AND c.trusted_until_us IS NOT NULL GROUP BY +c.account_key, {OWNER_COLUMNS}"
    )
    external = count_scopes(held_by_externals(tx))
    held = count_scopes({owners_of(row): row.held for row in calls}) + external
    slots = tx.all("SELECT kind, owner, used, external FROM slots WHERE used <> 0 OR external <> 0")
    kept = {SlotScope(ScopeKind(row.kind), row.owner): row for row in slots}
    used = Counter({scope: row.used for scope, row in kept.items()})
    used_by_externals = Counter({scope: row.external for scope, row in kept.items()})
    return [
        *_differences(used, held),
        *_differences(used_by_externals, external, " external"),
    ]


def _differences(
    used: Counter[SlotScope], held: Counter[SlotScope], what: str = ""
) -> list[LedgerFault]:
    return [
        LedgerFault(f"{scope.kind.name}:{scope.owner}{what}", used[scope], held[scope])
        for scope in sorted(used.keys() | held.keys())
        if used[scope] != held[scope]
    ]
