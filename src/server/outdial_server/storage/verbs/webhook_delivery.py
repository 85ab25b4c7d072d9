"""What is to be sent to endpoints, taken in turns."""

from collections.abc import Sequence
from typing import Final

from outdial_server.domain.errors import NotFoundError, OutOfRangeError
from outdial_server.domain.event import Event
from outdial_server.domain.ids import BatchId
from outdial_server.domain.webhook_tries import Verdict
from outdial_server.ports.webhooks import Due, DuePlan, TakenTurns, TurnEnd
from outdial_server.storage.encoding import (
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.event_reading import read_events
from outdial_server.storage.verbs.webhook_log import note_tries
from outdial_server.storage.verbs.webhook_resends import next_resend, note_resent
from outdial_server.storage.verbs.webhook_turns import forget_turns
from outdial_server.storage.verbs.webhooks import WEBHOOK_COLUMNS, webhook_from

_TURNS_MOST: Final = 100
"""Of all endpoints at a time: some 5 ms."""

# A turn is under way while its lease lasts.
_DUE: Final = (
    f"SELECT {WEBHOOK_COLUMNS}, d.batch_key, d.seq, d.failures AS failed_tries, "
    "d.leased_us, b.id AS batch_id, b.is_direct, b.oldest_seq FROM ("
    "SELECT t.webhook_key, t.batch_key, t.seq, t.failures, t.leased_us, "
    "CASE WHEN t.leased_us > :now THEN 1 ELSE 0 END AS is_busy, "
    "ROW_NUMBER() OVER (PARTITION BY t.webhook_key ORDER BY "
    "CASE WHEN t.leased_us > :now THEN 0 ELSE 1 END, t.next_us, t.batch_key) AS place "
    "FROM webhook_turns t JOIN batches o ON o.key = t.batch_key "
    "WHERE t.next_us <= :now AND o.erasure IS NULL "
    "AND (t.leased_us > :now OR o.event_seq > t.seq OR EXISTS (SELECT 1 FROM webhook_resends r "
    "WHERE r.webhook_key = t.webhook_key AND r.batch_key = t.batch_key))) d "
    "JOIN webhooks w ON w.key = d.webhook_key JOIN accounts a ON a.key = w.account_key "
    "JOIN batches b ON b.key = d.batch_key "
    "WHERE d.is_busy = 0 AND d.place <= :per_webhook AND w.active = 1 "
    "ORDER BY d.place, d.webhook_key LIMIT :most"
)


def any_due(tx: Tx, plan: DuePlan) -> TakenTurns | Sequence[Row]:
    """A look without the writer: what there is to take, or, when there is nothing, that."""
    rows = tx.all(_DUE, now=tx.now_us, per_webhook=plan.per_webhook, most=_TURNS_MOST)
    if rows:
        return rows
    has_any = tx.scalar("SELECT 1 FROM webhooks WHERE active = 1 LIMIT 1")
    next_us = tx.scalar(
        "SELECT MIN(next_us) FROM webhook_turns WHERE next_us > :now", now=tx.now_us
    )
    return TakenTurns((), any_webhooks=bool(has_any), next_at=moment_or_none(next_us))


def lease(tx: Tx, plan: DuePlan, rows: Sequence[Row]) -> TakenTurns:
    """Those that nobody else has taken since they were looked at."""
    until = tx.now + plan.lease
    turns = []
    for row in rows:
        taken = tx.run(
            "UPDATE webhook_turns SET leased_us = :until WHERE webhook_key = :webhook "
            "AND batch_key = :batch AND leased_us = :leased AND seq = :seq",
            until=micros(until),
            webhook=row.key,
            batch=row.batch_key,
            leased=row.leased_us,
            seq=row.seq,
        )
        if taken:
            turns.append(row)
    taken_turns = [_due(tx, row, micros(until), plan) for row in turns]
    return TakenTurns(taken_turns, any_webhooks=True, next_at=None)


def _due(tx: Tx, row: Row, leased_us: int, plan: DuePlan) -> Due:
    batch_id = BatchId(unpack_id(row.batch_id))
    resend = next_resend(tx, row.key, row.batch_key)
    # Retention may have erased what comes next: no endpoint waits for that.
    after = max(row.seq if resend is None else resend.sequence, row.oldest_seq - 1)
    most = plan.per_turn
    if resend is not None:
        most = max(0, min(most, resend.to_sequence - after))
    return Due(
        webhook_from(row),
        batch_id,
        bool(row.is_direct),
        after,
        row.failed_tries,
        moment(leased_us),
        _events(tx, batch_id, after, most),
        resend,
    )


def _events(tx: Tx, batch_id: BatchId, after: int, limit: int) -> Sequence[Event]:
    if not limit:
        return ()
    try:
        return read_events(tx, batch_id, after, limit).events
    except (NotFoundError, OutOfRangeError):
        # It is being erased, at this moment.
        return ()


def end_turn(tx: Tx, end: TurnEnd) -> None:
    batch = tx.one_or_none(
        "SELECT key, ended_us FROM batches WHERE id = :id", id=pack_id(end.due.batch_id)
    )
    if batch is None:
        return
    if batch.ended_us is not None:
        # A retry takes it first, too: it does not begin between the look and the deletion.
        _lock(tx, "batches", batch.key)
    key = tx.scalar(
        f"SELECT key FROM webhooks WHERE id = :id {tx.dialect.for_update()}",
        id=pack_id(end.due.webhook.webhook_id),
    )
    if key is None or not _write_turn(tx, key, batch.key, end):
        return
    note_tries(tx, end)
    if batch.ended_us is not None:
        _forget_if_told(tx, key, batch.key)
    if end.deactivates:
        _deactivate(tx, key)
    if end.result is not None:
        _note_result(tx, key, end)


def _lock(tx: Tx, table: str, key: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM {table} WHERE key = :key {tx.dialect.for_update()}", key=key)


def _write_turn(tx: Tx, webhook: int, batch: int, end: TurnEnd) -> bool:
    """Whether the turn was still that one. What was sent again moves nothing on."""
    is_ours = tx.run(
        "UPDATE webhook_turns SET seq = coalesce(:seq, seq), failures = :failures, "
        "next_us = :next, leased_us = 0 WHERE webhook_key = :webhook AND batch_key = :batch "
        "AND leased_us = :leased",
        seq=end.sequence if end.due.resend is None else None,
        failures=end.failures,
        next=micros_or_none(end.next_at) or 0,
        webhook=webhook,
        batch=batch,
        leased=micros(end.due.leased_until),
    )
    if is_ours and end.due.resend is not None:
        note_resent(tx, webhook, batch, end.due.resend, end.sequence)
    return bool(is_ours)


def _forget_if_told(tx: Tx, webhook: int, batch: int) -> None:
    tx.run(
        "DELETE FROM webhook_turns WHERE webhook_key = :webhook AND batch_key = :batch "
        "AND EXISTS (SELECT 1 FROM batches b WHERE b.key = :batch "
        "AND b.ended_us IS NOT NULL AND b.event_seq <= webhook_turns.seq) "
        "AND NOT EXISTS (SELECT 1 FROM webhook_resends r "
        "WHERE r.webhook_key = :webhook AND r.batch_key = :batch)",
        webhook=webhook,
        batch=batch,
    )


def _deactivate(tx: Tx, webhook: int) -> None:
    tx.run("UPDATE webhooks SET active = 0, revision = revision + 1 WHERE key = :key", key=webhook)
    forget_turns(tx, webhook)


def _note_result(tx: Tx, webhook: int, end: TurnEnd) -> None:
    assert end.result is not None
    if end.result.verdict is not Verdict.TAKEN:
        tx.run(
            "UPDATE webhooks SET failures = failures + 1, last_error = :error, "
            "failing_us = coalesce(failing_us, :now) WHERE key = :key",
            error=end.result.error,
            now=tx.now_us,
            key=webhook,
        )
        return
    was_failing = tx.run(
        "UPDATE webhooks SET failures = 0, last_error = '', failing_us = NULL "
        "WHERE key = :key AND failures > 0",
        key=webhook,
    )
    if was_failing:
        tx.run(
            "UPDATE webhook_turns SET next_us = 0 WHERE webhook_key = :key AND next_us > :now",
            key=webhook,
            now=tx.now_us,
        )
