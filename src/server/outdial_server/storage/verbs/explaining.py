"""Where a batch or a row stands: what the next claim would find, by the very functions that
claim. In a reader; nothing is locked or changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_config import Dialler
from outdial_server.domain.claims import GROUP_MOST, Candidate, row_gates
from outdial_server.domain.explanation import (
    BatchStanding,
    Count,
    RowStanding,
    SharedOut,
    WaitingRows,
    diallers_of,
    diallers_of_numbers,
    foreseen,
    tally,
)
from outdial_server.domain.gates import scope_gates
from outdial_server.domain.ids import AccountId, BatchId, ScheduledCallId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.storage.encoding import moment_or_none
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key, find_batch
from outdial_server.storage.verbs.choosing import choose
from outdial_server.storage.verbs.claim_facts import ClaimFacts, read_claim_facts
from outdial_server.storage.verbs.due_rows import (
    CANDIDATE_COLUMNS,
    CANDIDATES,
    DueRows,
    read_candidates,
)
from outdial_server.storage.verbs.held_rows import held_for
from outdial_server.storage.verbs.reading import find_row, row_from
from outdial_server.storage.verbs.runnable import Runnable, read_runnable, runnable_from
from outdial_server.storage.verbs.waiting_rows import count_ahead, read_queue, read_waiting

_TALLIED_MOST: Final = 200


def batch_standing(tx: Tx, account_id: AccountId, batch_id: BatchId) -> BatchStanding:
    standing, _, _ = _stand(tx, runnable_from(find_batch(tx, account_id, batch_id)))
    return standing


def row_standing(tx: Tx, account_id: AccountId, row_id: ScheduledCallId) -> RowStanding:
    found = find_row(tx, account_id, row_id)
    r = runnable_from(batch_by_key(tx, found.batch_key))
    standing, chosen, facts = _stand(tx, r)
    row = row_from(found)
    waits = row.state is ScheduledCallState.WAITING and found.due_us is not None
    ranked = _ranked(tx, found.key) if waits else None
    return RowStanding(
        row,
        standing,
        read_candidates(tx, r, [ranked], facts.numbers, facts.routes)[0]
        if ranked is not None
        else None,
        count_ahead(tx, r, ranked) if ranked is not None else Count(0),
        found.key in chosen,
        _lease_end(tx, found) if not waits else None,
    )


def _stand(tx: Tx, r: Runnable) -> tuple[BatchStanding, frozenset[int], ClaimFacts]:
    """And the rows of the batch that the next claim would take, by these facts."""
    account = read_runnable(tx, r.account_key)
    facts = read_claim_facts(tx, [*account, r])
    answers = scope_gates(facts.of(r), tx.now)
    chosen = _chosen(tx, account, facts)
    queue = read_queue(tx, r, CANDIDATE_COLUMNS, CANDIDATES, _TALLIED_MOST)
    candidates = read_candidates(tx, r, queue, facts.numbers, facts.routes)
    gates = row_gates(r.batch, r.rules)
    rows = _waiting_rows(tx, r, facts)
    if len(queue) < _TALLIED_MOST:
        rows = foreseen(rows, candidates, gates, tx.now)
    standing = BatchStanding(
        at=tx.now,
        batch=r.batch,
        rules=r.rules,
        scope_answers=answers,
        rows=rows,
        share=_shared_out(r, facts, chosen),
        tallies=tally(candidates, gates, tx.now),
        tallied_rows=len(candidates),
        diallers=_diallers(r, facts, candidates),
    )
    return standing, chosen.get(r.key, frozenset()), facts


def _diallers(
    r: Runnable, facts: ClaimFacts, candidates: Sequence[Candidate]
) -> frozenset[Dialler]:
    if r.is_mixed:
        return frozenset().union(*(diallers_of(r.batch, one) for one in candidates))
    if not r.batch.lacks_config:
        return frozenset({Dialler(r.batch.carrier, r.carrier_config)})
    pool = facts.numbers.pool_of(r)
    return diallers_of_numbers(r.batch, () if pool is None else pool.usable)


def _chosen(tx: Tx, account: Sequence[Runnable], facts: ClaimFacts) -> dict[int, frozenset[int]]:
    """The rows that a claim would take of the account, by batch."""
    if not account:
        return {}
    rows = DueRows(tx, facts.numbers, facts.routes, only_look=True)
    waiting = choose(tx, rows, account, facts, GROUP_MOST)
    return {key: frozenset(row.key for row in found.due) for key, found in waiting.items()}


def _waiting_rows(tx: Tx, r: Runnable, facts: ClaimFacts) -> WaitingRows:
    """As a claim would find them if every scope gate were open."""
    rows = DueRows(tx, facts.numbers, facts.routes, only_look=True)
    found = rows.look(r, 1)
    due, put_off, next_due_at = read_waiting(tx, r)
    counts = r.batch.counts
    return WaitingRows(
        waiting=counts.waiting,
        claimed=_held(r, facts) - counts.live,
        due=due,
        put_off=put_off,
        open=len(found.due),
        cut=rows.cut,
        awaits_calls=rows.awaits_calls,
        held_for=rows.held_for or (held_for(tx, r.key) if r.holds_rows else ""),
        next_due_at=min((m for m in (found.next_due_at, next_due_at) if m), default=None),
    )


def _held(r: Runnable, facts: ClaimFacts) -> int:
    return facts.slots[SlotScope(ScopeKind.BATCH, r.key)].used


def _shared_out(r: Runnable, facts: ClaimFacts, chosen: dict[int, frozenset[int]]) -> SharedOut:
    held = _held(r, facts)
    of_all = facts.slots[SlotScope(ScopeKind.ACCOUNT_BATCHES, r.account_key)].used
    granted = {key: len(rows) for key, rows in chosen.items()}
    own = granted.get(r.key, 0)
    return SharedOut(held, of_all - held, own, sum(granted.values()) - own)


def _ranked(tx: Tx, key: int) -> Row:
    row = tx.one_or_none(
        f"SELECT {CANDIDATE_COLUMNS}, s.rank, s.position FROM {CANDIDATES} WHERE s.key = :key",
        key=key,
    )
    assert row is not None, "it was read in the same transaction"
    return row


def _lease_end(tx: Tx, row: Row) -> datetime | None:
    """Of a row that is claimed and not sent."""
    if row.call_state != CallState.CLAIMED:
        return None
    lease_us: int | None = tx.scalar(
        "SELECT c.trusted_until_us FROM calls c JOIN scheduled_calls s ON s.call_key = c.key "
        "WHERE s.key = :key AND c.holds_slot = 1",
        key=row.key,
    )
    return moment_or_none(lease_us)
