"""Calls as they are shown."""

from dataclasses import replace
from typing import Any, Final

from outdial_server.domain.call import Call, CallFilter, CallState, DirectPart, Disposition
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.direct_call import reason_of_end
from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    BatchId,
    CallId,
    ScheduledCallId,
)
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.storage.conversations import conversation_from
from outdial_server.storage.encoding import (
    created_at,
    first_id_at,
    id_or_not_found,
    id_text,
    mapping_from,
    moment,
    moment_or_none,
    not_found,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import agent_key
from outdial_server.storage.verbs.batch_rows import find_batch
from outdial_server.storage.verbs.call_texts import read_texts
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK, Listed
from outdial_server.storage.verbs.reading import CARRIER, SHARED_COLUMNS, among, find_row

CALL_COLUMNS: Final = (
    "s.id AS scheduled_id, g.id AS agent_id, c.attempt, c.disposition AS call_disposition, "
    f"c.caller_id AS call_caller_id, {CARRIER}, c.carrier_call_id, c.ringing_us, "
    "c.answered_us, c.ended_us AS call_ended_us, (SELECT k.id FROM carrier_configs k "
    "WHERE k.key = c.carrier_config_key) AS call_carrier_config_id"
)

_DIRECT_COLUMNS: Final = (
    "c.is_direct, c.scheduled_key, c.batch_key, b.window_end_us, s.final_state, s.state_reason, "
    "s.ended_us AS row_ended_us"
)

_SELECT_CALL: Final = (
    f"SELECT c.key, {SHARED_COLUMNS}, {CALL_COLUMNS}, {_DIRECT_COLUMNS}, s.context_json, "
    "s.metadata_json, s.carrier_params_json FROM calls c "
    "JOIN batches b ON b.key = c.batch_key JOIN scheduled_calls s ON s.key = c.scheduled_key "
    "JOIN agents g ON g.key = c.agent_key "
    "WHERE c.account_key = :account AND c.deleted_us IS NULL "
    f"AND (c.is_direct = 1 OR c.state <> {int(CallState.CLAIMED)}) "
)


def call_from(row: Row) -> Call:
    """Of a call that was sent, with `SHARED_COLUMNS` and `CALL_COLUMNS`."""
    return Call(
        CallId(unpack_id(row.call_id)),
        BatchId(unpack_id(row.batch_id)),
        ScheduledCallId(unpack_id(row.scheduled_id)),
        AgentId(unpack_id(row.agent_id)),
        row.attempt,
        CallState(row.call_state),
        None if row.call_disposition is None else Disposition(row.call_disposition),
        row.call_reason or "",
        row.address,
        row.call_caller_id or "",
        row.carrier,
        row.carrier_call_id or "",
        sent_at=moment_or_none(row.sent_us),
        accepted_at=moment_or_none(row.accepted_us),
        ringing_at=moment_or_none(row.ringing_us),
        answered_at=moment_or_none(row.answered_us),
        ended_at=moment_or_none(row.call_ended_us),
        carrier_config=id_text(row.call_carrier_config_id),
    )


def shown_call(row: Row) -> Call:
    """Of `find_call`."""
    return _direct(row, call_from(row)) if row.is_direct else call_from(row)


def _direct(row: Row, call: Call) -> Call:
    """One that ended before it was sent is over all the same: its row says how."""
    part = DirectPart(created_at(row.call_id), moment(row.window_end_us))
    call = replace(call, batch_id=None, scheduled_call_id=None, direct=part)
    if call.state is not CallState.CLAIMED or row.final_state is None:
        return call
    final_state = ScheduledCallState(row.final_state)
    is_cancelled = final_state is ScheduledCallState.CANCELLED
    return replace(
        call,
        state=CallState.ENDED,
        disposition=Disposition.CANCELLED if is_cancelled else Disposition.FAILED,
        reason=reason_of_end(final_state, row.state_reason or ""),
        ended_at=moment_or_none(row.row_ended_us),
    )


_SHOWN_STATE: Final = (
    f"(CASE WHEN c.state = {int(CallState.CLAIMED)} AND s.final_state IS NOT NULL "
    f"THEN {int(CallState.ENDED)} ELSE c.state END)"
)
"""The same in SQL, for filters."""


def find_call(tx: Tx, account_id: AccountId, call_id: CallId) -> Row:
    packed = id_or_not_found(call_id, Reason.CALL_NOT_FOUND, "call")
    account = account_key(tx, account_id)
    row = tx.one_or_none(_SELECT_CALL + "AND c.id = :id", account=account, id=packed)
    if row is None:
        raise not_found(Reason.CALL_NOT_FOUND, "call", call_id)
    return row


def read_conversation(tx: Tx, call_key: int) -> Conversation | None:
    text = tx.scalar(
        "SELECT conversation_json FROM conversations WHERE call_key = :key", key=call_key
    )
    return None if text is None else conversation_from(text)


def lock_what_is_kept(tx: Tx, call_key: int) -> None:
    """By the row of its person: whoever erases what is kept with a call, or adds to it, comes
    first or sees this. The call is to be read behind it."""
    tx.all(
        "SELECT s.key FROM scheduled_calls s WHERE s.key = (SELECT c.scheduled_key FROM calls c "
        f"WHERE c.key = :key) {tx.dialect.for_update('s')}",
        key=call_key,
    )


def get_call(tx: Tx, account_id: AccountId, call_id: CallId) -> Call:
    row = find_call(tx, account_id, call_id)
    call = replace(
        shown_call(row), texts=read_texts(tx, row.key), conversation=read_conversation(tx, row.key)
    )
    if call.direct is None:
        return call
    given = replace(
        call.direct,
        template_context_json=row.context_json or "",
        metadata=mapping_from(row.metadata_json),
        carrier_params=mapping_from(row.carrier_params_json),
    )
    return replace(call, direct=given)


def list_calls(tx: Tx, account_id: AccountId, page: PageRequest, wanted: CallFilter) -> Page[Call]:
    filters, parameters = _filters(tx, account_id, wanted)
    listed = Listed("calls", _SELECT_CALL + filters, parameters, "c.key", newest_first=True)
    before = listed.place(tx, page)
    look_to = None
    if wanted.scheduled_call_id is None:
        if wanted.batch_id is None:
            look_to = _look_to(tx, before)
        elif wanted.is_searched:
            look_to = _look_to_in_batch(tx, parameters["batch"], before)
    rows = listed.rows(tx, page, before, look_to)
    return listed.page_of(tx, page, rows, shown_call, look_to)


def _filters(tx: Tx, account_id: AccountId, wanted: CallFilter) -> tuple[str, dict[str, Any]]:
    """Conditions, and what they need."""
    filters = "AND c.is_direct = 1 " if wanted.only_direct else ""
    parameters: dict[str, Any] = {"account": account_key(tx, account_id)}
    if wanted.batch_id is not None:
        filters += "AND c.batch_key = :batch "
        parameters["batch"] = find_batch(tx, account_id, wanted.batch_id).key
    if wanted.scheduled_call_id is not None:
        filters += "AND c.scheduled_key = :row "
        parameters["row"] = find_row(tx, account_id, wanted.scheduled_call_id).key
    if wanted.created_from is not None:
        filters += "AND c.id >= :first_id "
        parameters["first_id"] = first_id_at(wanted.created_from)
    if wanted.created_before is not None:
        filters += "AND c.id < :end_id "
        parameters["end_id"] = first_id_at(wanted.created_before)
    agents = [agent_key(tx, account_id, agent) for agent in wanted.agent_ids]
    filters += among("c.agent_key", agents) + among(_SHOWN_STATE, wanted.states)
    return filters + among("c.disposition", wanted.dispositions), parameters


def _look_to(tx: Tx, before: int) -> int | None:
    """Down to which key calls of all accounts are looked through; None for all. They have
    no index by account: each would be one more to write for a call that is dialled."""
    ends = tx.one_or_none(
        "SELECT (SELECT MIN(key) FROM calls) AS oldest, (SELECT MAX(key) FROM calls) AS newest"
    )
    assert ends is not None
    if ends.oldest is None:
        return None
    key: int = min(ends.newest + 1, before) - ROWS_PER_LOOK
    return key if key > ends.oldest else None


def _look_to_in_batch(tx: Tx, batch_key: int, before: int) -> int | None:
    key: int | None = tx.scalar(
        "SELECT key FROM calls WHERE batch_key = :batch AND key < :before "
        "ORDER BY key DESC LIMIT 1 OFFSET :rows",
        batch=batch_key,
        before=before,
        rows=ROWS_PER_LOOK,
    )
    return key
