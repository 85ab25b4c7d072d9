"""Claims: which rows are dialled next, over all batches, within every limit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.claim_writing import claim_rows
from outdial_server.storage.verbs.due_rows import DueRows, Waiting
from outdial_server.storage.verbs.ledger import read_slots
from outdial_server.storage.verbs.runnable import Runnable, read_runnable

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def claim(tx: Tx, limit: int, ready_since: datetime | None = None) -> Claims:
    since = ready_since or _LONG_AGO
    runnable = read_runnable(tx)
    slots = read_slots(tx, (scope for r in runnable for scope in r.scopes))
    rows = DueRows(tx)
    claimed: list[ClaimedCall] = []
    moments: list[datetime] = []
    for account in _by_account(runnable):
        waiting = _choose(tx, rows, account, slots, limit - len(claimed))
        for r in account:
            claimed += claim_rows(tx, r, waiting[r.key].due, since)
        moments += [w.next_due_at for w in waiting.values() if w.next_due_at is not None]
    more = len(claimed) >= limit or rows.cut
    return Claims(tuple(claimed), more, min(moments, default=None))


def _budget(tx: Tx, r: Runnable, slots: Mapping[SlotScope, SlotRow], limit: int) -> int:
    rows = [slots[scope] for scope in r.scopes]
    return budget(scope_gates(r.batch, rows, tx.now), limit)


def _by_account(runnable: Sequence[Runnable]) -> list[list[Runnable]]:
    accounts: defaultdict[int, list[Runnable]] = defaultdict(list)
    for r in runnable:
        accounts[r.account_key].append(r)
    return list(accounts.values())


def _choose(
    tx: Tx,
    rows: DueRows,
    account: Sequence[Runnable],
    slots: Mapping[SlotScope, SlotRow],
    limit: int,
) -> dict[int, Waiting]:
    """The rows to claim, by batch. Only as many are read as a fair share grants. A batch
    with fewer due than it was granted leaves the rest to the others, so it is shared again:
    each round finds out about one batch at least, which bounds them."""
    wanted = {r.key: min(_budget(tx, r, slots, limit), r.batch.counts.waiting) for r in account}
    waiting = {r.key: Waiting() for r in account}
    grants: dict[int, int] = {}
    for _ in range(len(account) + 1):
        grants = _grants(account, slots, wanted, limit)
        unread = [r for r in account if grants[r.key] > len(waiting[r.key].due)]
        for r in unread:
            waiting[r.key] = rows.look(r, grants[r.key])
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


def scopes_of_batch(row: Row) -> tuple[SlotScope, ...]:
    return scopes_of(row.account_key, row.agent_key, row.key)
