"""Rows with their latest calls, from end to end."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from outdial_server.domain.conversation import Conversation
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.batches import ResultPage, ScheduledCallResult
from outdial_server.storage.conversations import conversation_from
from outdial_server.storage.encoding import pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import find_batch
from outdial_server.storage.verbs.call_reading import CALL_COLUMNS, call_from
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK
from outdial_server.storage.verbs.reading import (
    ROW_COLUMNS,
    SHARED_COLUMNS,
    VISIBLE_STATE,
    among,
    row_from,
)

_SELECT: Final = (
    f"SELECT {SHARED_COLUMNS}, {ROW_COLUMNS}, {CALL_COLUMNS}, c.deleted_us AS call_deleted_us "
    "FROM scheduled_calls s "
    "JOIN batches b ON b.key = s.batch_key JOIN agents g ON g.key = b.agent_key "
    "LEFT JOIN calls c ON c.key = s.call_key "
    "WHERE s.batch_key = :batch AND s.position >= :from_position AND s.position < :to_position "
)


def page_sql(states: Collection[ScheduledCallState]) -> str:
    return _SELECT + among(VISIBLE_STATE, states) + "ORDER BY s.position LIMIT :limit"


def export_page(
    tx: Tx,
    account_id: AccountId,
    batch_id: BatchId,
    from_position: int,
    limit: int,
    states: Collection[ScheduledCallState],
) -> ResultPage:
    batch = find_batch(tx, account_id, batch_id)
    end = batch.next_position
    to_position = min(end, from_position + (ROWS_PER_LOOK if states else limit))
    rows = tx.all(
        page_sql(states),
        batch=batch.key,
        from_position=from_position,
        to_position=to_position,
        limit=limit,
    )
    next_position = rows[-1].position + 1 if len(rows) == limit else to_position
    return ResultPage(
        [_result(row) for row in rows], next_position if next_position < end else None
    )


def _result(row: Row) -> ScheduledCallResult:
    scheduled_call = row_from(row)
    is_shown = scheduled_call.call_id is not None and row.call_deleted_us is None
    return ScheduledCallResult(scheduled_call, call_from(row) if is_shown else None)


def with_what_was_said(tx: Tx, page: ResultPage) -> ResultPage:
    ids = [pack_id(result.call.call_id) for result in page.results if result.call is not None]
    rows = tx.all(
        "SELECT c.id, v.conversation_json FROM calls c JOIN conversations v ON v.call_key = c.key "
        f"WHERE {tx.dialect.id_in('c.id', 'ids')}",
        ids=tx.dialect.id_list(ids),
    )
    said = {unpack_id(row.id): conversation_from(row.conversation_json) for row in rows}
    return replace(page, results=[_with_talk(result, said) for result in page.results])


def _with_talk(
    result: ScheduledCallResult, said: Mapping[str, Conversation]
) -> ScheduledCallResult:
    call = result.call
    if call is None or call.call_id not in said:
        return result
    return replace(result, call=replace(call, conversation=said[call.call_id]))
