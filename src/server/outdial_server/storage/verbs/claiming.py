"""Claims: which rows are dialled next, over all batches, within every limit."""

from datetime import UTC, datetime, timedelta
from typing import Final

from outdial_server.domain.gates import next_slot_of_day
from outdial_server.domain.silence import LEASE
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.ports.dispatch import ClaimedCall, Claims
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.choosing import (
    account_turns,
    by_account,
    choose,
    served_after,
)
from outdial_server.storage.verbs.claim_facts import ClaimFacts, read_claim_facts
from outdial_server.storage.verbs.claim_writing import claim_rows
from outdial_server.storage.verbs.due_rows import DueRows
from outdial_server.storage.verbs.ledger import note_served, plan_next
from outdial_server.storage.verbs.quarantine import may_dial
from outdial_server.storage.verbs.rotations import write_turns
from outdial_server.storage.verbs.runnable import (
    Runnable,
    is_any_runnable,
    lock_accounts,
    read_runnable,
)

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def claim(
    tx: Tx,
    limit: int,
    agents: ParsedAgents,
    ready_since: datetime | None = None,
    lease: timedelta = LEASE,
) -> Claims:
    if not (may_dial(tx) and is_any_runnable(tx)):
        return Claims((), more=False, next_due_at=None)
    since = ready_since or _LONG_AGO
    lock_accounts(tx)
    runnable = read_runnable(tx)
    facts = read_claim_facts(tx, runnable)
    rows = DueRows(tx, facts.numbers, facts.routes, len(runnable))
    claimed: list[ClaimedCall] = []
    moments: list[datetime] = []
    turns: dict[int, int] = {}
    served: dict[SlotScope, int] = {}
    more = False
    accounts = by_account(runnable)
    turns_of = account_turns(accounts, facts)
    for account in sorted(accounts, key=lambda account: turns_of[account[0].account_key].served):
        waiting = choose(tx, rows, account, facts, limit - len(claimed))
        for r in account:
            due = waiting[r.key].due
            claimed += claim_rows(tx, r, waiting[r.key], agents, since, lease)
            rows.taken(due)
            if due and r.batch.settings.is_spread:
                moments += _plan_next_slot(tx, r, facts, len(due))
        taken = {key: len(w.due) for key, w in waiting.items()}
        served |= served_after(account, facts, taken)
        if len(accounts) > 1 and any(taken.values()):
            wish = turns_of[account[0].account_key]
            served[SlotScope(ScopeKind.ACCOUNT, wish.key)] = wish.served_with(sum(taken.values()))
        moments += [w.next_due_at for w in waiting.values() if w.next_due_at is not None]
        turns |= {key: w.last_number_key for key, w in waiting.items() if w.last_number_key}
        more |= any(w.more for w in waiting.values())
    write_turns(tx, turns)
    note_served(tx, served)
    rows.put_off_more()
    rows.record_skips()
    more |= len(claimed) >= limit or rows.cut
    return Claims(tuple(claimed), more, min(moments, default=None))


def _plan_next_slot(tx: Tx, r: Runnable, facts: ClaimFacts, taken: int) -> list[datetime]:
    """By the facts from before these were taken."""
    opens_at = next_slot_of_day(facts.of(r), taken, tx.now)
    plan_next(tx, SlotScope(ScopeKind.BATCH, r.key), opens_at, r.batch.plan_mark)
    return [] if opens_at is None else [opens_at]
