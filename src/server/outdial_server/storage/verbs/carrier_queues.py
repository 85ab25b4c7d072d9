"""Calls that carriers have taken and not dialled yet."""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_config import config_ref
from outdial_server.domain.ids import CallId
from outdial_server.domain.medium import Medium
from outdial_server.domain.recall import QUEUED_AFTER, RECALL_AGAIN_AFTER, may_ring
from outdial_server.domain.report import Evidence
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.trouble import Sign
from outdial_server.ports.carrier import CallQuery
from outdial_server.ports.carrier_queues import QueuedCall
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import id_text, json_text, micros, moment, pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key, batch_from
from outdial_server.storage.verbs.due_rows import zone_of
from outdial_server.storage.verbs.reading import DIALLED_BY
from outdial_server.storage.verbs.troubles import note_signs

_NAME: Final = (("name", Kind.TEXT),)

QUEUED: Final = "QUEUED_BY_CARRIER"


def queued_calls(tx: Tx, carriers: Collection[str], limit: int) -> list[QueuedCall]:
    """Looks at all calls that are watched; most of them ring."""
    names = tx.dialect.rows("carriers", _NAME)
    rows = tx.all(
        f"SELECT c.id, c.batch_key, {DIALLED_BY} AS carrier, c.carrier_call_id, s.address, "
        "c.caller_id, c.sent_us, c.recalled_us, s.time_zone, s.number_zone, "
        "k.id AS carrier_config_id FROM calls c JOIN batches b ON b.key = c.batch_key "
        "JOIN scheduled_calls s ON s.key = c.scheduled_key "
        "LEFT JOIN carrier_configs k ON k.key = c.carrier_config_key "
        f"WHERE c.trusted_until_us IS NOT NULL AND c.state = {int(CallState.ACCEPTED)} "
        "AND c.accepted_us <= :since "
        f"AND coalesce(s.medium, b.medium) = {int(Medium.OUTGOING)} "
        f"AND {DIALLED_BY} IN (SELECT r.name FROM {names} AS r) "
        "ORDER BY c.accepted_us, c.key LIMIT :limit",
        since=micros(tx.now - QUEUED_AFTER),
        carriers=json_text([[name] for name in sorted(carriers)]),
        limit=limit,
    )
    batch = lru_cache(maxsize=None)(lambda key: batch_from(batch_by_key(tx, key)))
    return [_queued(tx, row, batch(row.batch_key)) for row in rows]


def _queued(tx: Tx, row: Row, batch: Batch) -> QueuedCall:
    lately_us = micros(tx.now - RECALL_AGAIN_AFTER)
    return QueuedCall(
        row.carrier,
        config_ref(id_text(row.carrier_config_id)),
        CallQuery(
            CallId(unpack_id(row.id)),
            row.carrier_call_id or "",
            row.address,
            row.caller_id or "",
            moment(row.sent_us),
        ),
        not may_ring(batch, zone_of(batch, row), tx.now),
        row.recalled_us is not None and row.recalled_us > lately_us,
    )


def note_recall(tx: Tx, call_id: CallId) -> None:
    tx.run(
        "UPDATE calls SET recalled_us = :now WHERE id = :id AND state = :accepted",
        now=tx.now_us,
        id=pack_id(call_id),
        accepted=int(CallState.ACCEPTED),
    )


def note_queue(tx: Tx, call_id: CallId) -> None:
    """For the account that it was made with, as if the carrier had turned it away."""
    row = tx.one_or_none(
        "SELECT carrier_config_key, sent_us FROM calls WHERE id = :id", id=pack_id(call_id)
    )
    if row is None or row.carrier_config_key is None or row.sent_us is None:
        return
    sign = Sign(Evidence.TOO_MUCH, moment(row.sent_us), QUEUED)
    note_signs(tx, {SlotScope(ScopeKind.CARRIER_CONFIG, row.carrier_config_key): [sign]})
