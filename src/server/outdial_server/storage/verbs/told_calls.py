"""Calls and batches with all that others' payloads tell of them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from outdial_server.domain.call import CallTexts, CallTimes
from outdial_server.domain.ids import BatchId, CallId
from outdial_server.domain.told_call import Told, ToldCall
from outdial_server.storage.conversations import conversation_from
from outdial_server.storage.encoding import created_at, mapping_from, pack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, batch_from
from outdial_server.storage.verbs.call_reading import CALL_COLUMNS, call_from
from outdial_server.storage.verbs.reading import SHARED_COLUMNS

_SELECT: Final = (
    f"SELECT {SHARED_COLUMNS}, {CALL_COLUMNS}, g.display_name AS agent_name, "
    "g.annotations_json AS agent_annotations_json, c.is_direct, "
    "c.ring_timeout_s, c.max_duration_s, s.custom_id, s.metadata_json, s.annotations_json, "
    "t.prompt, t.first_message, t.join_url, v.conversation_json FROM calls c "
    "JOIN batches b ON b.key = c.batch_key JOIN scheduled_calls s ON s.key = c.scheduled_key "
    "JOIN agents g ON g.key = c.agent_key LEFT JOIN call_texts t ON t.call_key = c.key "
    "LEFT JOIN conversations v ON v.call_key = c.key WHERE "
)


def read_told(tx: Tx, batch_id: BatchId, call_ids: Collection[CallId]) -> Told:
    row = tx.one_or_none(
        SELECT_BATCH + "WHERE b.id = :id AND b.erasure IS NULL", id=pack_id(batch_id)
    )
    return Told(None if row is None else batch_from(row), read_told_calls(tx, call_ids))


def read_told_calls(tx: Tx, call_ids: Collection[CallId]) -> Mapping[CallId, ToldCall]:
    """As they are now. Those that were erased are missing."""
    packed = sorted({pack_id(call_id) for call_id in call_ids})
    if not packed:
        return {}
    rows = tx.all(_SELECT + tx.dialect.id_in("c.id", "ids"), ids=tx.dialect.id_list(packed))
    told = map(_told, rows)
    return {one.call.call_id: one for one in told}


def _told(row: Row) -> ToldCall:
    call = replace(
        call_from(row),
        texts=CallTexts(row.prompt or "", row.first_message or "", row.join_url or ""),
        conversation=conversation_from(row.conversation_json) if row.conversation_json else None,
    )
    if row.is_direct:
        # What stands behind a direct call is shown to nobody.
        call = replace(call, batch_id=None, scheduled_call_id=None)
    return ToldCall(
        call,
        created_at(row.call_id),
        row.agent_name,
        CallTimes(timedelta(seconds=row.ring_timeout_s), timedelta(seconds=row.max_duration_s)),
        mapping_from(row.metadata_json),
        row.custom_id or "",
        row.annotations_json or "",
        row.agent_annotations_json or "",
    )
