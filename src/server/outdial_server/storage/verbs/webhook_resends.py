"""Events that endpoints are to be told of once more: ranges, which their turns send before
anything new. So there is one turn for a batch and never two requests at once."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, BatchId, WebhookId
from outdial_server.domain.webhook_message import EventRange, message_id, ranges_of
from outdial_server.ports.webhook_log import PastEvents
from outdial_server.ports.webhooks import Resend
from outdial_server.storage.encoding import micros, not_found, pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import find_batch
from outdial_server.storage.verbs.webhook_turns import TOLD_OF
from outdial_server.storage.verbs.webhooks import webhook_row

_BATCHES: Final = (
    "SELECT b.key, b.id, b.oldest_seq, b.event_seq, b.created_us, l.at_us AS last_us "
    f"FROM webhooks w JOIN batches b ON {TOLD_OF}"
    "LEFT JOIN events l ON l.batch_key = b.key AND l.seq = b.event_seq "
    "WHERE w.key = :webhook AND b.revealed_us IS NOT NULL AND b.erasure IS NULL "
)


def named_events(
    tx: Tx, account_id: AccountId, webhook_id: WebhookId, named: Sequence[tuple[BatchId, int]]
) -> Sequence[EventRange]:
    webhook = webhook_row(tx, account_id, webhook_id)
    packed = sorted({pack_id(batch_id) for batch_id, _ in named})
    rows = tx.all(
        _BATCHES + f"AND {tx.dialect.id_in('b.id', 'ids')}",
        webhook=webhook.key,
        ids=tx.dialect.id_list(packed),
    )
    batches = {BatchId(unpack_id(row.id)): row for row in rows}
    for batch_id, sequence in named:
        _refuse_unknown(batches, batch_id, sequence)
    return ranges_of(named)


def _refuse_unknown(batches: Mapping[BatchId, Row], batch_id: BatchId, sequence: int) -> None:
    batch = batches.get(batch_id)
    if batch is None or not batch.oldest_seq <= sequence <= batch.event_seq:
        raise not_found(Reason.WEBHOOK_EVENT_NOT_FOUND, "event", message_id(batch_id, sequence))


def past_events(
    tx: Tx, account_id: AccountId, webhook_id: WebhookId, past: PastEvents, batches_most: int
) -> Sequence[EventRange]:
    webhook = webhook_row(tx, account_id, webhook_id)
    one = ""
    if past.batch_id is not None:
        find_batch(tx, account_id, past.batch_id)
        one = "AND b.id = :batch "
    until_us = tx.now_us + 1 if past.until is None else micros(past.until)
    # Not by its end: what was said in a call may be reported behind that.
    rows = tx.all(
        _BATCHES + one + "AND b.created_us < :until AND l.at_us >= :since "
        "ORDER BY b.key LIMIT :limit",
        webhook=webhook.key,
        since=micros(past.since),
        until=until_us,
        limit=batches_most + 1,
        **({"batch": pack_id(past.batch_id)} if past.batch_id is not None else {}),
    )
    ranges = (_range(tx, row, micros(past.since), until_us) for row in rows)
    return [one for one in ranges if one.count > 0]


def _range(tx: Tx, batch: Row, since_us: int, until_us: int) -> EventRange:
    """Events of a batch follow one another in time, too: the ends are found by halving, in some
    twenty steps for a million. Most batches lie in the time as a whole."""
    first = batch.oldest_seq
    if batch.created_us < since_us:
        first = _first_from(tx, batch, since_us)
    last = batch.event_seq
    if batch.last_us >= until_us:
        last = _first_from(tx, batch, until_us) - 1
    return EventRange(BatchId(unpack_id(batch.id)), first - 1, last)


def _first_from(tx: Tx, batch: Row, us: int) -> int:
    """The first event at or after a moment; the next one of all when there is none."""
    oldest: int = batch.oldest_seq
    sequences = range(oldest, batch.event_seq + 1)

    def moment_of(sequence: int) -> int:
        at_us: int | None = tx.scalar(
            "SELECT at_us FROM events WHERE batch_key = :batch AND seq = :seq",
            batch=batch.key,
            seq=sequence,
        )
        # It is being erased, at this moment: long past.
        return at_us or 0

    return oldest + bisect_left(sequences, us, key=moment_of)


def resend(
    tx: Tx, account_id: AccountId, webhook_id: WebhookId, ranges: Sequence[EventRange]
) -> None:
    """The endpoint's row is held meanwhile: no turn ends, and is taken away as told, unseen."""
    webhook = webhook_row(tx, account_id, webhook_id, tx.dialect.for_update("w"))
    if not webhook.active:
        raise PreconditionError(
            Reason.WEBHOOK_INACTIVE, "the webhook is not active: nothing is sent to it"
        )
    values = [
        {
            "webhook": webhook.key,
            "batch": pack_id(one.batch_id),
            "after": one.after,
            "to": one.to_sequence,
        }
        for one in ranges
    ]
    tx.run_many(
        "INSERT INTO webhook_resends (webhook_key, batch_key, to_seq, seq) "
        "SELECT :webhook, b.key, :to, :after FROM batches b WHERE b.id = :batch "
        "AND b.erasure IS NULL ON CONFLICT (webhook_key, batch_key, to_seq) "
        f"DO UPDATE SET seq = {tx.dialect.least('webhook_resends.seq', 'excluded.seq')}",
        values,
    )
    # What is failing is tried at once, and has its day of tries before it again.
    tx.run_many(
        "INSERT INTO webhook_turns (webhook_key, batch_key, seq) "
        "SELECT :webhook, b.key, b.event_seq FROM batches b WHERE b.id = :batch "
        "AND b.erasure IS NULL ON CONFLICT (webhook_key, batch_key) "
        "DO UPDATE SET failures = 0, next_us = 0",
        values,
    )


def next_resend(tx: Tx, webhook: int, batch: int) -> Resend | None:
    row = tx.one_or_none(
        "SELECT seq, to_seq FROM webhook_resends WHERE webhook_key = :webhook "
        "AND batch_key = :batch ORDER BY seq, to_seq LIMIT 1",
        webhook=webhook,
        batch=batch,
    )
    return None if row is None else Resend(row.seq, row.to_seq)


def note_resent(tx: Tx, webhook: int, batch: int, sent: Resend, sequence: int) -> None:
    """Who has asked for more of it in the meantime is sent all of it once more."""
    range_ = {"webhook": webhook, "batch": batch, "to": sent.to_sequence, "from": sent.sequence}
    where = "WHERE webhook_key = :webhook AND batch_key = :batch AND to_seq = :to AND seq = :from"
    if sequence >= sent.to_sequence:
        tx.run(f"DELETE FROM webhook_resends {where}", **range_)
    else:
        tx.run(f"UPDATE webhook_resends SET seq = :seq {where}", seq=sequence, **range_)
