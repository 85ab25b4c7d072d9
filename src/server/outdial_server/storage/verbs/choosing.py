"""The choice of the rows that are dialled next: budgets by the gates, then fair shares. A
claim carries it out; an explanation only looks at it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from outdial_server.domain.gates import budget, next_moment, scope_gates
from outdial_server.domain.slots import (
    ScopeKind,
    SlotRow,
    SlotScope,
    Wish,
    free_in_all,
    share,
)
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.claim_facts import ClaimFacts
from outdial_server.storage.verbs.due_rows import DueRows, Waiting
from outdial_server.storage.verbs.runnable import Runnable


def by_account(runnable: Sequence[Runnable]) -> list[list[Runnable]]:
    accounts: defaultdict[int, list[Runnable]] = defaultdict(list)
    for r in runnable:
        accounts[r.account_key].append(r)
    return list(accounts.values())


def choose(
    tx: Tx,
    rows: DueRows,
    account: Sequence[Runnable],
    facts: ClaimFacts,
    limit: int,
) -> dict[int, Waiting]:
    """The rows to claim of one account, by batch. Only as many are read as a fair share
    grants. A batch with fewer due than it was granted leaves the rest to the others, so it
    is shared again: each round finds out about one batch at least, which bounds them."""
    answers = {r.key: scope_gates(facts.of(r), tx.now) for r in account}
    wanted = {r.key: min(budget(answers[r.key], limit), r.batch.counts.waiting) for r in account}
    # Where a gate is closed no row is looked at: that gate says when it opens.
    waiting = {key: Waiting(next_due_at=next_moment(found)) for key, found in answers.items()}
    grants: dict[int, int] = {}
    for _ in range(len(account) + 1):
        grants = _grants(account, facts.slots, wanted, limit)
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
