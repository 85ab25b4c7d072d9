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
    micros_or_none,
    moment,
    moment_or_none,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.paging import key_of, page_of
from outdial_server.storage.verbs.reading import among
from outdial_server.storage.verbs.webhook_turns import GIVE_UP
from outdial_server.storage.verbs.webhooks import webhook_row

_MICROSECOND: Final = timedelta(microseconds=1)

_NOTE: Final = (
    "INSERT INTO webhook_deliveries (webhook_id, batch_id, seq, is_direct, event_type, event_us, "
    "state, tries, first_us, tried_us, took_us, status, error, answer, next_us) VALUES (:webhook, "
    ":batch, :seq, :is_direct, :type, :event, :state, 1, :at, :at, :took, :status, :error, "
    ":answer, :next) ON CONFLICT (webhook_id, batch_id, seq) DO UPDATE SET "
    "state = excluded.state, tries = webhook_deliveries.tries + 1, tried_us = excluded.tried_us, "
    "took_us = excluded.took_us, status = excluded.status, error = excluded.error, "
    "answer = excluded.answer, next_us = excluded.next_us"
)

_SELECT: Final = (
    "SELECT d.key, d.batch_id, d.seq, d.is_direct, d.event_type, d.event_us, d.state, d.tries, "
    "d.first_us, d.tried_us, d.took_us, d.status, d.error, d.answer, d.next_us "
    "FROM webhook_deliveries d WHERE d.webhook_id = :webhook "
)


def note_tries(tx: Tx, end: TurnEnd) -> None:
    """Of the turn that ends here."""
    tx.run_many(_NOTE, [_values(end, one) for one in end.tries])
    _give_up_behind(tx, end)


def _values(end: TurnEnd, one: Try) -> dict[str, Any]:
    state, next_us = DeliveryState.DELIVERED, None
    if one.result.verdict is not Verdict.TAKEN:
        state, next_us = DeliveryState.GIVEN_UP, micros_or_none(end.next_at)
        if next_us is not None:
            state = DeliveryState.RETRYING
    return {
        "webhook": pack_id(end.due.webhook.webhook_id),
        "batch": pack_id(end.due.batch_id),
        "seq": one.event.sequence,
        "is_direct": int(end.due.is_direct),
        "type": int(one.event.type),
        "event": micros(one.event.at),
        "state": int(state),
        "at": micros(one.at),
        "took": one.took // _MICROSECOND,
        "status": one.result.status,
        "error": one.result.error,
        "answer": one.result.answer,
        "next": next_us,
    }


def _give_up_behind(tx: Tx, end: TurnEnd) -> None:
    """What failed before, and was passed over now: the endpoint wants it no more, or it was
    erased."""
    tx.run(
        GIVE_UP + "AND webhook_id = :webhook AND batch_id = :batch AND seq <= :seq",
        webhook=pack_id(end.due.webhook.webhook_id),
        batch=pack_id(end.due.batch_id),
        seq=end.sequence,
    )


def try_all_now(tx: Tx, webhook_id: WebhookId) -> None:
    tx.run(
        "UPDATE webhook_deliveries SET next_us = :now WHERE webhook_id = :webhook "
        f"AND state = {int(DeliveryState.RETRYING)} AND next_us > :now",
        webhook=pack_id(webhook_id),
        now=tx.now_us,
    )


def list_deliveries(
    tx: Tx,
    account_id: AccountId,
    webhook_id: WebhookId,
    wanted: DeliveryFilter,
    page: PageRequest,
) -> Page[Delivery]:
    filters, parameters = among("d.state", wanted.states), dict[str, Any]()
    if wanted.batch_id is not None:
        filters += "AND d.batch_id = :batch "
        parameters["batch"] = id_or_not_found(wanted.batch_id, Reason.BATCH_NOT_FOUND, "batch")
    before = key_of("webhook_deliveries", page.token)
    if before is not None:
        filters += "AND d.key < :before "
        parameters["before"] = before
    rows = tx.all(
        _SELECT + filters + "ORDER BY d.key DESC LIMIT :limit",
        webhook=webhook_row(tx, account_id, webhook_id).id,
        limit=page.size + 1,
        **parameters,
    )
    return page_of("webhook_deliveries", page, rows, _delivery)


def _delivery(row: Row) -> Delivery:
    batch_id = BatchId(unpack_id(row.batch_id))
    return Delivery(
        message_id(batch_id, row.seq),
        None if row.is_direct else batch_id,
        row.seq,
        EventType(row.event_type),
        moment(row.event_us),
        DeliveryState(row.state),
        row.tries,
        moment(row.first_us),
        moment(row.tried_us),
        row.took_us * _MICROSECOND,
        row.status,
        row.error,
        row.answer,
        moment_or_none(row.next_us),
    )


def erase_deliveries(tx: Tx, before_us: int, limit: int) -> int:
    """The oldest rows have the lowest keys, so no index by time is needed."""
    return tx.run(
        "DELETE FROM webhook_deliveries WHERE key IN (SELECT d.key FROM (SELECT key, first_us "
        "FROM webhook_deliveries ORDER BY key LIMIT :limit) d WHERE d.first_us <= :before)",
        limit=limit,
        before=before_us,
    )
