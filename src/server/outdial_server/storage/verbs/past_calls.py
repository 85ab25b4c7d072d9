"""How the latest calls ended and how long they took, for outcome models: read by index, and
no statistics are stored for it."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.forecast.history import (
    CALLS_READ_MOST,
    FEW_CALLS,
    History,
    PastCall,
)
from outdial_server.storage.encoding import created_at, moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

_BATCHES_MOST: Final = 20
"""Of one agent, the newest."""

_SECOND_US: Final = 1_000_000
_FIRST_FENCE: Final = 1


def read_history(tx: Tx, account_key: int, agent_keys: Collection[int]) -> History:
    own = {
        agent: _calls_of(tx, _batches(tx, account_key, "=", agent), CALLS_READ_MOST)
        for agent in sorted(agent_keys)
    }
    others = {
        agent: _calls_of(tx, _batches(tx, account_key, "<>", agent), FEW_CALLS)
        for agent, calls in own.items()
        if len(calls) < FEW_CALLS
    }
    return History(own, others)


def _batches(tx: Tx, account_key: int, among: str, agent_key: int) -> Sequence[Row]:
    return tx.all(
        "SELECT b.key FROM batches b WHERE b.account_key = :account AND b.is_direct = 0 "
        f"AND b.agent_key {among} :agent AND b.started_us IS NOT NULL "
        "ORDER BY b.key DESC LIMIT :most",
        account=account_key,
        agent=agent_key,
        most=_BATCHES_MOST,
    )


def _calls_of(tx: Tx, batches: Sequence[Row], most: int) -> list[PastCall]:
    calls: list[PastCall] = []
    for batch in batches:
        if len(calls) >= most:
            break
        calls += _newest(tx, batch.key, most - len(calls))
    return calls


def _newest(tx: Tx, batch_key: int, most: int) -> Iterator[PastCall]:
    """Those that somebody cancelled say nothing of how calls end by themselves."""
    rows = tx.all(
        "SELECT c.id, c.fence, c.attempt, c.disposition, c.ring_timeout_s, c.sent_us, "
        "c.answered_us, c.ended_us "
        "FROM calls c WHERE c.batch_key = :batch AND c.sent_us IS NOT NULL AND "
        f"(c.state = {int(CallState.IN_PROGRESS)} OR (c.state = {int(CallState.ENDED)} "
        f"AND c.disposition <> {int(Disposition.CANCELLED)})) "
        "ORDER BY c.batch_key DESC, c.key DESC LIMIT :most",
        batch=batch_key,
        most=most,
    )
    return (_past_call(tx, row) for row in rows)


def _lead_seconds(row: Row) -> float:
    """The id of a call is made when it is claimed; one that was given back in between was
    claimed again since."""
    if row.fence != _FIRST_FENCE:
        return 0.0
    return max(0.0, (moment(row.sent_us) - created_at(row.id)).total_seconds())


def _past_call(tx: Tx, row: Row) -> PastCall:
    ends_us = tx.now_us if row.ended_us is None else row.ended_us
    answered_us = ends_us if row.answered_us is None else row.answered_us
    return PastCall(
        attempt=row.attempt,
        disposition=None if row.ended_us is None else Disposition(row.disposition),
        ring_seconds=max(0, answered_us - row.sent_us) / _SECOND_US,
        talk_seconds=max(0, ends_us - answered_us) / _SECOND_US,
        ring_timeout_seconds=row.ring_timeout_s,
        lead_seconds=_lead_seconds(row),
    )
