"""Claims: which rows are dialled next, over all batches, within every limit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from outdial_server.domain.gates import budget, scope_gates
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
from outdial_server.storage.encoding import moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.claim_writing import claim_rows
from outdial_server.storage.verbs.ledger import read_slots
from outdial_server.storage.verbs.runnable import Runnable, read_runnable

_RANKS_MOST: Final = 32
"""Priorities 0 to 9, each fresh and tried, and room to spare."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Rows of a batch that are due, as far as was read, and when the next one is."""

    due: tuple[Row, ...] = ()
    next_due_at: datetime | None = None


def claim(tx: Tx, limit: int, ready_since: datetime | None = None) -> Claims:
    since = ready_since or _LONG_AGO
    runnable = read_runnable(tx)
    slots = read_slots(tx, (scope for r in runnable for scope in r.scopes))
    claimed: list[ClaimedCall] = []
    moments: list[datetime] = []
    for account in _by_account(runnable):
        waiting = _choose(tx, account, slots, limit - len(claimed))
        for r in account:
            claimed += claim_rows(tx, r, waiting[r.key].due, since)
        moments += [w.next_due_at for w in waiting.values() if w.next_due_at is not None]
    return Claims(tuple(claimed), len(claimed) >= limit, min(moments, default=None))


def _budget(tx: Tx, r: Runnable, slots: Mapping[SlotScope, SlotRow], limit: int) -> int:
    rows = [slots[scope] for scope in r.scopes]
    return budget(scope_gates(r.batch, rows, tx.now), limit)


def _by_account(runnable: Sequence[Runnable]) -> list[list[Runnable]]:
    accounts: defaultdict[int, list[Runnable]] = defaultdict(list)
    for r in runnable:
        accounts[r.account_key].append(r)
    return list(accounts.values())


def _choose(
    tx: Tx, account: Sequence[Runnable], slots: Mapping[SlotScope, SlotRow], limit: int
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
    account: Sequence[Runnable],
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


def _wish(r: Runnable, slots: Mapping[SlotScope, SlotRow], wanted: int) -> Wish:
    settings = r.batch.settings
    held = slots[SlotScope(ScopeKind.BATCH, r.key)].used
    return Wish(r.key, settings.priority, settings.weight, held, wanted)


def _batches_by_agent(account: Sequence[Runnable]) -> Mapping[int, list[int]]:
    agents: defaultdict[int, list[int]] = defaultdict(list)
    for r in account:
        agents[r.agent_key].append(r.key)
    return agents


def _look(tx: Tx, r: Runnable, most: int) -> _Waiting:
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


def _next_rank(tx: Tx, r: Runnable, after: int | None) -> int | None:
    behind = "AND rank > :after " if after is not None else ""
    parameters = {} if after is None else {"after": after}
    found: int | None = tx.scalar(
        f"SELECT rank FROM scheduled_calls WHERE batch_key = :batch AND due_us IS NOT NULL "
        f"{behind}ORDER BY batch_key, rank LIMIT 1",
        batch=r.key,
        **parameters,
    )
    return found


def _due_in_rank(tx: Tx, r: Runnable, rank: int, limit: int) -> Sequence[Row]:
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


def _later_in_rank(tx: Tx, r: Runnable, rank: int) -> int | None:
    found: int | None = tx.scalar(
        "SELECT due_us FROM scheduled_calls WHERE batch_key = :batch AND rank = :rank "
        "AND due_us > :now AND position < :end ORDER BY due_us LIMIT 1",
        batch=r.key,
        rank=rank,
        now=tx.now_us,
        end=r.next_position,
    )
    return found


def scopes_of_batch(row: Row) -> tuple[SlotScope, ...]:
    return scopes_of(row.account_key, row.agent_key, row.key)
