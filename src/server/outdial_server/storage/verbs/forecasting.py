"""What a forecast is made from: the account's batches at one moment, their people as counts of
those who are alike. In a reader; nothing is locked or changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.forecast.launch import launched
from outdial_server.domain.forecast.people import Alike, Lot
from outdial_server.domain.forecast.question import (
    BATCHES_MOST,
    DialledBatch,
    LiveCall,
    Question,
)
from outdial_server.domain.forecast.throttle_log import ThrottlePast
from outdial_server.domain.gates import ScopeFacts
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, find_batch
from outdial_server.storage.verbs.claim_facts import ClaimFacts, read_claim_facts
from outdial_server.storage.verbs.held_rows import HELD_US, READY_US
from outdial_server.storage.verbs.past_calls import read_history
from outdial_server.storage.verbs.runnable import Runnable, going_one_way
from outdial_server.storage.verbs.suppressed import NORMAL_FORM
from outdial_server.storage.verbs.throttle_log import rules_from

_DIALLED: Final = (BatchState.RUNNING, BatchState.SCHEDULED)

_MOMENTS_MOST: Final = 200
"""Of one batch, at which people who are put off come due; nearer ones are taken together."""

_HITS_MOST: Final = 200
"""Of one throttle, moments in its windows; nearer ones are taken together."""


def read_question(tx: Tx, account_id: AccountId, batch_id: BatchId, horizon: timedelta) -> Question:
    # Where people name carrier configs of their own it is forecast as if nobody did.
    found = going_one_way(find_batch(tx, account_id, batch_id))
    asked = replace(found, batch=launched(found.batch, tx.now))
    batches = [asked, *_others(tx, asked)]
    facts = read_claim_facts(tx, batches)
    live = _live_calls(tx, batches)
    return Question(
        at=tx.now,
        horizon=horizon,
        asked=asked.key,
        batches=[_dialled(tx, r, facts, live.get(r.key, ())) for r in batches],
        throttles=_throttles(tx, facts),
        history=read_history(tx, asked.account_key, {r.agent_key for r in batches}),
        found_in=found.batch.state,
    )


def _others(tx: Tx, asked: Runnable) -> list[Runnable]:
    """What competes with it: direct calls apart, which cannot be foreseen."""
    rows = tx.all(
        SELECT_BATCH + "WHERE b.ended_us IS NULL AND b.account_key = :account "
        "AND b.revealed_us IS NOT NULL AND b.is_direct = 0 AND b.key <> :asked "
        "AND b.state <> :draft ORDER BY b.key LIMIT :most",
        account=asked.account_key,
        asked=asked.key,
        draft=int(BatchState.DRAFT),
        most=BATCHES_MOST - 1,
    )
    return [going_one_way(row) for row in rows]


def _dialled(tx: Tx, r: Runnable, facts: ClaimFacts, live: Sequence[LiveCall]) -> DialledBatch:
    waits = r.batch.state in _DIALLED and r.batch.settling_to is None
    return DialledBatch(
        key=r.key,
        agent_key=r.agent_key,
        batch=r.batch,
        rules=r.rules,
        facts=_foreseen(facts.of(r)),
        throttle_key=r.throttle_key,
        rate_key=r.rate_key,
        lots=_lots(tx, r) if waits else (),
        live=live,
    )


def _foreseen(facts: ScopeFacts) -> ScopeFacts:
    return facts if facts.trouble is None else replace(facts, trouble=facts.trouble.foreseen)


# --- people who wait

_SUPPRESSED: Final = (
    "CASE WHEN EXISTS (SELECT 1 FROM suppressions p WHERE p.account_key = :account "
    f"AND p.address = {NORMAL_FORM} AND (p.expires_us IS NULL OR p.expires_us > :now)) "
    "THEN 1 ELSE 0 END"
)
_TRY_BITS: Final = 4
"""Of how often a person's tries have ended in one way: at most `ATTEMPTS_MAX` times."""

_EARLIER: Final = (
    "CASE WHEN s.attempts = 0 THEN 0 ELSE (SELECT CAST(SUM(CAST(1 AS BIGINT) << "
    f"({_TRY_BITS} * CAST(c.disposition AS INTEGER))) AS BIGINT) FROM calls c "
    "WHERE c.scheduled_key = s.key "
    f"AND c.state = {int(CallState.ENDED)} AND c.disposition IS NOT NULL) END"
)


def _lots(tx: Tx, r: Runnable) -> list[Lot]:
    """A scan of all who wait, some microseconds each. Rules that the batch does not use are
    not asked for."""
    suppressed = _SUPPRESSED if r.rules.has_suppressions else "0"
    parameters = {"account": r.account_key} if r.rules.has_suppressions else {}
    zone = "coalesce(s.time_zone, s.number_zone)" if _asks_for_zones(r) else "NULL"
    earlier = _EARLIER if r.batch.settings.retry_policy is not None else "0"
    rows = tx.all(
        "SELECT w.priority, w.attempts, w.by_policy, w.zone, w.suppressed, w.earlier, w.place, "
        "MAX(w.due_us) AS due_us, COUNT(*) AS people FROM "
        f"(SELECT s.priority, s.attempts, {READY_US} AS due_us, "
        "CASE WHEN s.retry_attempt = s.attempts + 1 THEN 1 ELSE 0 END AS by_policy, "
        f"{zone} AS zone, {suppressed} AS suppressed, {earlier} AS earlier, "
        f"CASE WHEN {READY_US} <= :now THEN -1 ELSE (s.due_us - :now) / :width END AS place "
        "FROM scheduled_calls s WHERE s.batch_key = :batch AND s.due_us IS NOT NULL "
        "AND s.position < :end) w "
        "GROUP BY w.priority, w.attempts, w.by_policy, w.zone, w.suppressed, w.earlier, w.place "
        "ORDER BY due_us, w.priority, w.attempts, w.by_policy, w.zone, w.suppressed, w.earlier",
        batch=r.key,
        now=tx.now_us,
        end=r.next_position,
        width=_width_us(tx, r),
        **parameters,
    )
    return [_lot(tx, r, row) for row in rows]


def _asks_for_zones(r: Runnable) -> bool:
    numbers = r.rules.numbers
    by_day = numbers is not None and numbers.max_calls_per_day is not None
    return r.batch.has_other_zones and (by_day or r.batch.settings.calling_hours is not None)


def _width_us(tx: Tx, r: Runnable) -> int:
    last: int | None = tx.scalar(
        "SELECT MAX(due_us) FROM scheduled_calls WHERE batch_key = :batch AND due_us > :now "
        "AND due_us < :held AND position < :end",
        batch=r.key,
        now=tx.now_us,
        held=HELD_US,
        end=r.next_position,
    )
    return max(1, ((last or tx.now_us) - tx.now_us) // _MOMENTS_MOST)


def _lot(tx: Tx, r: Runnable, row: Row) -> Lot:
    alike = Alike(
        priority=row.priority,
        attempts=row.attempts,
        earlier=tuple(_unpacked(row.earlier or 0)),
        time_zone=row.zone or r.batch.settings.time_zone,
        suppressed=bool(row.suppressed),
        by_policy=bool(row.by_policy),
    )
    return Lot(alike, row.due_us - tx.now_us, row.people)


def _unpacked(earlier: int) -> list[Disposition]:
    most = (1 << _TRY_BITS) - 1
    return [d for d in Disposition for _ in range(earlier >> _TRY_BITS * d & most)]


# --- calls that are under way


def _live_calls(tx: Tx, batches: Sequence[Runnable]) -> dict[int, list[LiveCall]]:
    """By batch. Calls that nobody watches any more hold no slot."""
    rows = tx.all(
        "SELECT c.batch_key, c.attempt, c.sent_us, c.answered_us, s.priority "
        "FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
        "WHERE c.trusted_until_us IS NOT NULL AND c.holds_slot = 1 "
        f"AND c.batch_key IN (SELECT r.key FROM {tx.dialect.rows('batches', _KEY)} AS r) "
        "ORDER BY c.key",
        batches=json_text([[r.key] for r in batches]),
    )
    zones = {r.key: r.batch.settings.time_zone for r in batches}
    live: dict[int, list[LiveCall]] = {}
    for row in rows:
        call = _live_call(tx, row, zones[row.batch_key])
        live.setdefault(row.batch_key, []).append(call)
    return live


_KEY: Final = (("key", Kind.INT),)


def _live_call(tx: Tx, row: Row, zone: str) -> LiveCall:
    return LiveCall(
        Alike(row.priority, row.attempt - 1, time_zone=zone),
        elapsed_us=_since(tx, row.sent_us) or 0,
        talked_us=_since(tx, row.answered_us),
    )


def _since(tx: Tx, at_us: int | None) -> int | None:
    return None if at_us is None else max(0, tx.now_us - at_us)


# --- throttles


def _throttles(tx: Tx, facts: ClaimFacts) -> dict[int, ThrottlePast]:
    return {key: _past(tx, key) for key in sorted(facts.throttles)}


def _past(tx: Tx, key: int) -> ThrottlePast:
    row = tx.one_or_none("SELECT t.rules_json FROM throttles t WHERE t.key = :key", key=key)
    assert row is not None, "its use was read in the same transaction"
    rules = rules_from(row.rules_json)
    longest_us = max(rule.window for rule in rules) // timedelta(microseconds=1)
    hits = tx.all(
        "SELECT MAX(h.at_us) AS at_us, SUM(h.hits) AS hits FROM throttle_hits h "
        "WHERE h.throttle_key = :key AND h.at_us > :since AND h.hits > 0 "
        "GROUP BY (h.at_us - :since) / :width ORDER BY at_us",
        key=key,
        since=tx.now_us - longest_us,
        width=max(1, longest_us // _HITS_MOST),
    )
    return ThrottlePast(rules, [(min(0, hit.at_us - tx.now_us), int(hit.hits)) for hit in hits])
