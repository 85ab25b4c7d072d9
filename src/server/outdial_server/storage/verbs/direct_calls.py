"""Direct calls. To all other verbs one is a batch of one person, whose window is the time in
which it may be dialled; nobody is shown that batch."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from outdial_server.domain.call import Call, CallState
from outdial_server.domain.claims import row_gates
from outdial_server.domain.direct_call import expiry, refusal, too_many_wait
from outdial_server.domain.gates import GateAnswer, scope_gates
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.limits import DIRECT_CALLS_WAITING_MAX
from outdial_server.domain.number_rotation import NumberRoom
from outdial_server.domain.quarantine import HELD_BACK
from outdial_server.domain.request import RequestKey
from outdial_server.domain.silence import LEASE
from outdial_server.ports.direct_calls import MadeCall, NewDirectCall
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.ports.intake import Outcome
from outdial_server.storage.encoding import pack_id
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.batch_rows import batch_by_key
from outdial_server.storage.verbs.call_reading import get_call
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.choosing import shown
from outdial_server.storage.verbs.claim_facts import ClaimFacts, read_claim_facts
from outdial_server.storage.verbs.claim_writing import claim_rows
from outdial_server.storage.verbs.due_rows import (
    CANDIDATE_COLUMNS,
    CANDIDATES,
    DueRows,
    read_candidates,
)
from outdial_server.storage.verbs.quarantine import may_dial
from outdial_server.storage.verbs.requests import answered_before, earlier_answer
from outdial_server.storage.verbs.revealing import reveal
from outdial_server.storage.verbs.runnable import Runnable, runnable_from
from outdial_server.storage.verbs.staging import Staged, stage_batch, stage_rows
from outdial_server.storage.verbs.waiting_rows import read_queue


def create_direct_call(
    tx: Tx,
    new: NewDirectCall,
    request: RequestKey | None,
    agents: ParsedAgents,
    lease: timedelta = LEASE,
    *,
    may_claim: bool = True,
) -> MadeCall:
    """With its slots, or waiting for room where it may; else it leaves nothing. One that may not
    be claimed here waits for another server's claim."""
    account_id = new.batch.account_id
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, _answer(new.call_id))
    if earlier is not None:
        return MadeCall(_answered(tx, account_id, earlier), None)
    r = _write(tx, new)
    facts = read_claim_facts(tx, [r])
    answers = _ask(tx, r, facts)
    refused = refusal(answers, tx.now, may_wait=new.wait_until is not None)
    if refused is not None:
        raise refused
    claimed = None
    if may_claim and all(answer.is_open for answer in answers):
        claimed = _claim(tx, r, facts, agents, lease)
    else:
        _refuse_too_many(tx, account)
    return MadeCall(get_call(tx, account_id, new.call_id), claimed)


def earlier_call(tx: Tx, account_id: AccountId, request: RequestKey) -> Call | None:
    answer = earlier_answer(tx, account_key(tx, account_id), request)
    return None if answer is None else _answered(tx, account_id, answer)


def _answer(call_id: CallId) -> object:
    return {"call_id": call_id}


def _answered(tx: Tx, account_id: AccountId, answer: Any) -> Call:
    return get_call(tx, account_id, CallId(answer["call_id"]))


def _write(tx: Tx, new: NewDirectCall) -> Runnable:
    """The batch with its person, and the call as one that was given back: whoever claims the
    row uses it again, so that its id is known from now on."""
    settings = replace(new.batch.settings, window_end=expiry(new.wait_until, tx.now))
    staged = stage_batch(tx, replace(new.batch, settings=settings), None, None)
    params = new.batch.terms.written_at("carrier_params", new.row.carrier_params, staged.through)
    stage_rows(tx, staged, 0, [replace(new.row, carrier_params=params)])
    reveal(tx, staged, 1, Outcome(), None)
    r = runnable_from(batch_by_key(tx, staged.batch_key))
    _write_call(tx, r, staged, new)
    return r


_CALL_COLUMNS: Final = (
    "id",
    "scheduled_key",
    "attempt",
    "state",
    "fence",
    "holds_slot",
    "ring_timeout_s",
    "max_duration_s",
)


def _write_call(tx: Tx, r: Runnable, staged: Staged, new: NewDirectCall) -> None:
    row_key = tx.scalar(
        "SELECT key FROM scheduled_calls WHERE batch_key = :batch AND position = 0",
        batch=staged.batch_key,
    )
    times = r.batch.settings.call_times
    owners = r.owners._asdict()
    tx.insert(
        "calls",
        (*_CALL_COLUMNS, *owners),
        [
            (
                pack_id(new.call_id),
                row_key,
                1,
                int(CallState.CLAIMED),
                1,
                0,
                int(times.ring_timeout.total_seconds()),
                int(times.max_duration.total_seconds()),
                *owners.values(),
            )
        ],
    )
    tx.run(
        "UPDATE scheduled_calls SET call_key = (SELECT c.key FROM calls c WHERE c.id = :id) "
        "WHERE key = :key",
        id=pack_id(new.call_id),
        key=row_key,
    )


def _ask(tx: Tx, r: Runnable, facts: ClaimFacts) -> list[GateAnswer]:
    """All the gates that a claim asks, the ledger locked."""
    queue = read_queue(tx, r, CANDIDATE_COLUMNS, CANDIDATES, 1)
    candidates = read_candidates(tx, r, queue, facts.numbers, facts.routes)
    of_row = [gate(c, tx.now) for c in candidates for gate in row_gates(r.batch, r.rules)]
    of_engine = [] if may_dial(tx) else [HELD_BACK]
    return [*scope_gates(facts.of(r), tx.now), *of_row, *of_engine]


def _claim(
    tx: Tx, r: Runnable, facts: ClaimFacts, agents: ParsedAgents, lease: timedelta
) -> ClaimedCall:
    found = DueRows(tx, facts.numbers, facts.routes).look(r, 1)
    chosen = shown(tx, r, found, facts, NumberRoom())
    (claimed,) = claim_rows(tx, r, chosen, agents, tx.now, lease)
    return claimed


def _refuse_too_many(tx: Tx, account: int) -> None:
    """Each claim reads all of them."""
    waiting: int = tx.scalar(
        "SELECT COUNT(*) FROM batches b JOIN scheduled_calls s ON s.batch_key = b.key "
        "WHERE b.ended_us IS NULL AND b.is_direct = 1 AND b.waiting > 0 "
        "AND b.account_key = :account AND s.due_us IS NOT NULL",
        account=account,
    )
    if waiting > DIRECT_CALLS_WAITING_MAX:
        raise too_many_wait(waiting - 1)
