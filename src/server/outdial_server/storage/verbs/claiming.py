"""Claims: which rows are dialled next, over all batches, within every limit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.call import CallState, CallTimes
from outdial_server.domain.claims import Candidate, plan_claims
from outdial_server.domain.gates import budget, scope_gates
from outdial_server.domain.ids import AccountId, BatchId, CallId
from outdial_server.domain.silence import CLAIM_LEASE
from outdial_server.domain.slots import (
    ScopeKind,
    SlotRow,
    SlotScope,
    Wish,
    free_in_all,
    scopes_of,
    share,
)
from outdial_server.ports.dispatch import ClaimedCall, Claims
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment, pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, batch_from
from outdial_server.storage.verbs.ledger import read_slots, take_slots

_RANKS_MOST: Final = 32
"""Priorities 0 to 9, each fresh and tried, and room to spare."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Runnable:
    """A batch that may have somebody to dial, and the scopes that its calls count in."""

    key: int
    account_key: int
    agent_key: int
    next_position: int
    batch: Batch

    @property
    def scopes(self) -> tuple[SlotScope, ...]:
        return scopes_of(self.account_key, self.agent_key, self.key)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Rows of a batch that are due, as far as was read, and when the next one is."""

    due: tuple[Row, ...] = ()
    next_due_at: datetime | None = None


def claim(tx: Tx, limit: int, ready_since: datetime | None = None) -> Claims:
    since = ready_since or _LONG_AGO
    runnable = _runnable(tx)
    slots = read_slots(tx, (scope for r in runnable for scope in r.scopes))
    claimed: list[ClaimedCall] = []
    moments: list[datetime] = []
    for account in _by_account(runnable):
        waiting = _choose(tx, account, slots, limit - len(claimed))
        for r in account:
            claimed += _claim_rows(tx, r, waiting[r.key].due, since)
        moments += [w.next_due_at for w in waiting.values() if w.next_due_at is not None]
    return Claims(tuple(claimed), len(claimed) >= limit, min(moments, default=None))


_HAS_FREE: Final = (
    "EXISTS (SELECT 1 FROM slots f WHERE f.kind = {kind} AND f.owner = b.account_key "
    "AND (f.target_cap IS NULL OR f.used < f.target_cap))"
)


def _runnable(tx: Tx) -> list[_Runnable]:
    """Batches that wait, of accounts with a free slot: the others are not even read, since
    most claims come when all slots are taken."""
    account, batches = (
        _HAS_FREE.format(kind=int(kind)) for kind in (ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_BATCHES)
    )
    rows = tx.all(
        SELECT_BATCH + "WHERE b.ended_us IS NULL AND b.state = :running AND b.waiting > 0 "
        f"AND b.revealed_us IS NOT NULL AND {account} AND {batches} ORDER BY b.key",
        running=int(BatchState.RUNNING),
    )
    return [
        _Runnable(row.key, row.account_key, row.agent_key, row.next_position, batch_from(row))
        for row in rows
    ]


def _budget(tx: Tx, r: _Runnable, slots: Mapping[SlotScope, SlotRow], limit: int) -> int:
    rows = [slots[scope] for scope in r.scopes]
    return budget(scope_gates(r.batch, rows, tx.now), limit)


def _by_account(runnable: Sequence[_Runnable]) -> list[list[_Runnable]]:
    accounts: defaultdict[int, list[_Runnable]] = defaultdict(list)
    for r in runnable:
        accounts[r.account_key].append(r)
    return list(accounts.values())


def _choose(
    tx: Tx, account: Sequence[_Runnable], slots: Mapping[SlotScope, SlotRow], limit: int
) -> dict[int, _Waiting]:
    """The rows to claim, by batch. Only as many are read as a fair share grants. A batch
    with fewer due than it was granted leaves the rest to the others, so it is shared again:
    each round finds out about one batch at least, which bounds them."""
    wanted = {r.key: min(_budget(tx, r, slots, limit), r.batch.counts.waiting) for r in account}
    waiting = {r.key: _Waiting() for r in account}
    grants: dict[int, int] = {}
    for _ in range(len(account) + 1):
        grants = _grants(account, slots, wanted, limit)
        unread = [r for r in account if grants[r.key] > len(waiting[r.key].due)]
        for r in unread:
            waiting[r.key] = _look(tx, r, grants[r.key])
        short = [r for r in unread if len(waiting[r.key].due) < grants[r.key]]
        if not short:
            break
        wanted |= {r.key: len(waiting[r.key].due) for r in short}
    return {key: replace(found, due=found.due[: grants[key]]) for key, found in waiting.items()}


def _grants(
    account: Sequence[_Runnable],
    slots: Mapping[SlotScope, SlotRow],
    wanted: Mapping[int, int],
    limit: int,
) -> dict[int, int]:
    """Fair shares of the account's free slots. Where the batches of one agent get more than
    it has left, they share that, and what they leave is shared again among the others."""
    shared_scopes = account[0].scopes[:2]
    free = min(free_in_all((slots[scope] for scope in shared_scopes), limit), limit)
    wishes = {r.key: _wish(r, slots, wanted[r.key]) for r in account}
    agents = _batches_by_agent(account)
    for _ in range(len(agents) + 1):
        grants = share(free, list(wishes.values()))
        for agent, batches in agents.items():
            left = slots[SlotScope(ScopeKind.AGENT, agent)].free
            if left is not None and sum(grants[key] for key in batches) > left:
                of_agent = share(left, [wishes[key] for key in batches])
                wishes |= {k: replace(wishes[k], wanted=of_agent[k]) for k in batches}
                break
        else:
            return grants
    raise AssertionError("each round settles one agent")


def _wish(r: _Runnable, slots: Mapping[SlotScope, SlotRow], wanted: int) -> Wish:
    settings = r.batch.settings
    held = slots[SlotScope(ScopeKind.BATCH, r.key)].used
    return Wish(r.key, settings.priority, settings.weight, held, wanted)


def _batches_by_agent(account: Sequence[_Runnable]) -> Mapping[int, list[int]]:
    agents: defaultdict[int, list[int]] = defaultdict(list)
    for r in account:
        agents[r.agent_key].append(r.key)
    return agents


def _look(tx: Tx, r: _Runnable, most: int) -> _Waiting:
    """The rows that are next, at most `most`, rank by rank in the index's order."""
    if most <= 0:
        return _Waiting()
    due: list[Row] = []
    next_due: list[int] = []
    rank = _next_rank(tx, r, None)
    for _ in range(_RANKS_MOST):
        if rank is None or len(due) >= most:
            break
        due += _due_in_rank(tx, r, rank, most - len(due))
        later = _later_in_rank(tx, r, rank) if len(due) < most else None
        if later is not None:
            next_due.append(later)
        rank = _next_rank(tx, r, rank)
    return _Waiting(tuple(due), moment(min(next_due)) if next_due else None)


def _next_rank(tx: Tx, r: _Runnable, after: int | None) -> int | None:
    behind = "AND rank > :after " if after is not None else ""
    parameters = {} if after is None else {"after": after}
    found: int | None = tx.scalar(
        f"SELECT rank FROM scheduled_calls WHERE batch_key = :batch AND due_us IS NOT NULL "
        f"{behind}ORDER BY batch_key, rank LIMIT 1",
        batch=r.key,
        **parameters,
    )
    return found


def _due_in_rank(tx: Tx, r: _Runnable, rank: int, limit: int) -> Sequence[Row]:
    return tx.all(
        "SELECT s.key, s.address, s.caller_id, s.context_json, s.metadata_json, s.attempts, "
        "s.due_us, c.key AS call_key, c.id AS call_id, c.state AS call_state, c.fence "
        "FROM scheduled_calls s LEFT JOIN calls c ON c.key = s.call_key "
        "WHERE s.batch_key = :batch AND s.rank = :rank AND s.due_us <= :now "
        f"AND s.position < :end ORDER BY s.due_us, s.position LIMIT :limit "
        f"{tx.dialect.skip_locked('s')}",
        batch=r.key,
        rank=rank,
        now=tx.now_us,
        end=r.next_position,
        limit=limit,
    )


def _later_in_rank(tx: Tx, r: _Runnable, rank: int) -> int | None:
    found: int | None = tx.scalar(
        "SELECT due_us FROM scheduled_calls WHERE batch_key = :batch AND rank = :rank "
        "AND due_us > :now AND position < :end ORDER BY due_us LIMIT 1",
        batch=r.key,
        rank=rank,
        now=tx.now_us,
        end=r.next_position,
    )
    return found


def _claim_rows(
    tx: Tx, r: _Runnable, due: Sequence[Row], ready_since: datetime
) -> list[ClaimedCall]:
    if not due:
        return []
    by_key = {row.key: row for row in due}
    candidates = [Candidate(row.key, moment(row.due_us), row.attempts) for row in due]
    plan = plan_claims(candidates, len(candidates), tx.now)
    _defer(tx, plan.deferred)
    rows = [by_key[candidate.key] for candidate in plan.claimed]
    if not rows:
        return []
    take_slots(tx, dict.fromkeys(r.scopes, len(rows)))
    calls = _write_calls(tx, r, rows)
    tx.run(
        f"UPDATE scheduled_calls SET due_us = NULL, call_key = r.call_key FROM "
        f"{tx.dialect.rows('rows', (('key', Kind.INT), ('call_key', Kind.INT)))} AS r "
        "WHERE scheduled_calls.key = r.key",
        rows=json_text([[key, calls[key][0]] for key in calls]),
    )
    return [
        _claimed(r, row, *calls[row.key][1:], max(c.due_at, ready_since), tx.now)
        for c, row in zip(plan.claimed, rows, strict=True)
    ]


def _defer(tx: Tx, deferred: Sequence[tuple[Candidate, datetime]]) -> None:
    tx.run_many(
        "UPDATE scheduled_calls SET due_us = :due WHERE key = :key AND due_us IS NOT NULL",
        [{"key": candidate.key, "due": micros(until)} for candidate, until in deferred],
    )


def _write_calls(tx: Tx, r: _Runnable, rows: Sequence[Row]) -> dict[int, tuple[int, CallId, int]]:
    """Call key, id and fence by row. A call that was never sent is used again: same id,
    same attempt number, fence one higher."""
    unsent = [row for row in rows if row.call_state == CallState.CLAIMED]
    fresh = [row for row in rows if row.call_state != CallState.CLAIMED]
    _take_again(tx, r, unsent)
    written = {
        row.key: (row.call_key, CallId(unpack_id(row.call_id)), row.fence + 1) for row in unsent
    }
    return written | _write_fresh(tx, r, fresh)


def _take_again(tx: Tx, r: _Runnable, rows: Sequence[Row]) -> None:
    tx.run_many(
        "UPDATE calls SET fence = fence + 1, holds_slot = 1, trusted_until_us = :lease, "
        "lookups = 0, reason = NULL, caller_id = :caller_id, ring_timeout_s = :ring, "
        "max_duration_s = :duration WHERE key = :key",
        [_call_values(tx, r, row) | {"key": row.call_key} for row in rows],
    )


def _call_values(tx: Tx, r: _Runnable, row: Row) -> dict[str, Any]:
    settings = r.batch.settings
    return {
        "lease": micros(tx.now + CLAIM_LEASE),
        "caller_id": row.caller_id or settings.caller_id or None,
        "ring": _seconds(settings.ring_timeout),
        "duration": _seconds(settings.max_call_duration),
    }


def _write_fresh(tx: Tx, r: _Runnable, rows: Sequence[Row]) -> dict[int, tuple[int, CallId, int]]:
    if not rows:
        return {}
    ids = dict(zip((row.key for row in rows), tx.ids.new_ids(len(rows)), strict=True))
    tx.run_many(
        "INSERT INTO calls (id, account_key, agent_key, batch_key, scheduled_key, attempt, "
        "state, fence, trusted_until_us, holds_slot, ring_timeout_s, max_duration_s, caller_id) "
        "VALUES (:id, :account, :agent, :batch, :row, :attempt, :state, 1, :lease, 1, :ring, "
        ":duration, :caller_id)",
        [
            _call_values(tx, r, row)
            | {
                "id": pack_id(ids[row.key]),
                "account": r.account_key,
                "agent": r.agent_key,
                "batch": r.key,
                "row": row.key,
                "attempt": row.attempts + 1,
                "state": int(CallState.CLAIMED),
            }
            for row in rows
        ],
    )
    made = tx.all(
        f"SELECT key, scheduled_key FROM calls WHERE {tx.dialect.id_in('id', 'ids')}",
        ids=tx.dialect.id_list([pack_id(new_id) for new_id in ids.values()]),
    )
    return {c.scheduled_key: (c.key, CallId(ids[c.scheduled_key]), 1) for c in made}


def _claimed(
    r: _Runnable,
    row: Row,
    call_id: CallId,
    fence: int,
    ready_at: datetime,
    now: datetime,
) -> ClaimedCall:
    settings = r.batch.settings
    return ClaimedCall(
        call_id=call_id,
        fence=fence,
        account_id=AccountId(r.batch.account_id),
        batch_id=BatchId(r.batch.batch_id),
        carrier=r.batch.carrier,
        address=row.address,
        caller_id=row.caller_id or settings.caller_id,
        times=CallTimes(settings.ring_timeout, settings.max_call_duration),
        template_context_json=row.context_json or "",
        metadata_json=row.metadata_json or "",
        ready_at=ready_at,
        claimed_at=now,
    )


def scopes_of_batch(row: Row) -> tuple[SlotScope, ...]:
    return scopes_of(row.account_key, row.agent_key, row.key)


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
