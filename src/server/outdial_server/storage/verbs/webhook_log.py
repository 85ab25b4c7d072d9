"""The log of deliveries: a row for each event and endpoint, written anew at each try."""

from datetime import timedelta
from typing import Any, Final

from outdial_server.domain.errors import Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, BatchId, WebhookId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.webhook_delivery import Delivery, DeliveryFilter, DeliveryState, Try
from outdial_server.domain.webhook_message import message_id
from outdial_server.domain.webhook_tries import Verdict
from outdial_server.ports.webhooks import TurnEnd
from outdial_server.storage.encoding import (
    id_or_not_found,
    micros,
    moment,
    moment_or_none,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK, key_of, page_of
from outdial_server.storage.verbs.reading import among
from outdial_server.storage.verbs.webhooks import webhook_row

_MICROSECOND: Final = timedelta(microseconds=1)

_NOTE: Final = (
    "INSERT INTO webhook_deliveries (webhook_id, batch_id, seq, is_direct, event_type, event_us, "
    "is_taken, tries, first_us, tried_us, took_us, status, error, answer) VALUES (:webhook, "
    ":batch, :seq, :is_direct, :type, :event, :is_taken, 1, :at, :at, :took, :status, :error, "
    ":answer) ON CONFLICT (webhook_id, batch_id, seq) DO UPDATE SET "
    "is_taken = excluded.is_taken, tries = webhook_deliveries.tries + 1, "
    "tried_us = excluded.tried_us, took_us = excluded.took_us, status = excluded.status, "
    "error = excluded.error, answer = excluded.answer"
)

_LOOKED_THROUGH: Final = (
    "SELECT key, batch_id, seq, is_direct, event_type, event_us, is_taken, tries, first_us, "
    "tried_us, took_us, status, error, answer FROM webhook_deliveries "
    "WHERE webhook_id = :webhook AND key < :before ORDER BY key DESC LIMIT :most"
)

# What was not taken is tried again as long as its turn has not gone past it: so nothing is to be
# written when a turn goes on without it, or goes.
_STATE: Final = (
    f"CASE WHEN d.is_taken = 1 THEN {int(DeliveryState.DELIVERED)} "
    "WHEN d.seq > t.seq OR EXISTS (SELECT 1 FROM webhook_resends r WHERE r.batch_key = b.key "
    "AND r.webhook_key = :webhook_key AND r.seq < d.seq AND r.to_seq >= d.seq) "
    f"THEN {int(DeliveryState.RETRYING)} ELSE {int(DeliveryState.GIVEN_UP)} END"
)
_SELECT: Final = (
    f"SELECT l.* FROM (SELECT d.*, t.next_us, {_STATE} AS state FROM ({_LOOKED_THROUGH}) d "
    "LEFT JOIN batches b ON b.id = d.batch_id LEFT JOIN webhook_turns t "
    "ON t.webhook_key = :webhook_key AND t.batch_key = b.key) l WHERE l.key >= :look_to "
)
_BEHIND_ALL: Final = 2**62


def note_tries(tx: Tx, end: TurnEnd) -> None:
    """Of the turn that ends here."""
    tx.run_many(_NOTE, [_values(end, one) for one in end.tries])


def _values(end: TurnEnd, one: Try) -> dict[str, Any]:
    return {
        "webhook": pack_id(end.due.webhook.webhook_id),
        "batch": pack_id(end.due.batch_id),
        "seq": one.event.sequence,
        "is_direct": int(end.due.is_direct),
        "type": int(one.event.type),
        "event": micros(one.event.at),
        "is_taken": int(one.result.verdict is Verdict.TAKEN),
        "at": micros(one.at),
        "took": one.took // _MICROSECOND,
        "status": one.result.status,
        "error": one.result.error,
        "answer": one.result.answer,
    }


def list_deliveries(
    tx: Tx,
    account_id: AccountId,
    webhook_id: WebhookId,
    wanted: DeliveryFilter,
    page: PageRequest,
) -> Page[Delivery]:
    filters, parameters = among("l.state", wanted.states), dict[str, Any]()
    if wanted.batch_id is not None:
        filters += "AND l.batch_id = :batch "
        parameters["batch"] = id_or_not_found(wanted.batch_id, Reason.BATCH_NOT_FOUND, "batch")
    before = key_of("webhook_deliveries", page.token) or _BEHIND_ALL
    webhook = webhook_row(tx, account_id, webhook_id)
    look_to = _look_to(tx, webhook.id, before) if filters else None
    rows = tx.all(
        f"{_SELECT}{filters}ORDER BY l.key DESC LIMIT :limit",
        webhook=webhook.id,
        webhook_key=webhook.key,
        before=before,
        most=ROWS_PER_LOOK + 1 if filters else page.size + 1,
        look_to=look_to or 0,
        limit=page.size + 1,
        **parameters,
    )
    return page_of(
        "webhook_deliveries", page, rows, lambda row: _delivery(row, tx.now_us), look_on=look_to
    )


def _look_to(tx: Tx, webhook: bytes, before: int) -> int | None:
    """Down to which key one read looks through the log for what no index finds; None for the
    end of it."""
    key: int | None = tx.scalar(
        "SELECT key FROM webhook_deliveries WHERE webhook_id = :webhook AND key < :before "
        "ORDER BY key DESC LIMIT 1 OFFSET :rows",
        webhook=webhook,
        before=before,
        rows=ROWS_PER_LOOK,
    )
    return key


def _delivery(row: Row, now_us: int) -> Delivery:
    batch_id, state = BatchId(unpack_id(row.batch_id)), DeliveryState(row.state)
    # One whose time has come waits for its turn.
    next_us = max(row.next_us, now_us) if state is DeliveryState.RETRYING else None
    return Delivery(
        message_id(batch_id, row.seq),
        None if row.is_direct else batch_id,
        row.seq,
        EventType(row.event_type),
        moment(row.event_us),
        state,
        row.tries,
        moment(row.first_us),
        moment(row.tried_us),
        row.took_us * _MICROSECOND,
        row.status,
        row.error,
        row.answer,
        moment_or_none(next_us),
    )


def erase_deliveries(tx: Tx, before_us: int, limit: int) -> int:
    """The oldest rows have the lowest keys, so no index by time is needed."""
    return tx.run(
        "DELETE FROM webhook_deliveries WHERE key IN (SELECT d.key FROM (SELECT key, first_us "
        "FROM webhook_deliveries ORDER BY key LIMIT :limit) d WHERE d.first_us <= :before)",
        limit=limit,
        before=before_us,
    )
