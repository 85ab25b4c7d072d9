"""Rows and calls as they are shown."""

from collections.abc import Collection
from typing import Final

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    BatchId,
    CallId,
    ScheduledCallId,
)
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
    state_while_open,
)
from outdial_server.domain.time_zones import person_zone
from outdial_server.storage.encoding import (
    created_at,
    id_or_not_found,
    id_text,
    length_or_none,
    mapping_from,
    moment_or_none,
    not_found,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import agent_key
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, batch_from, find_batch
from outdial_server.storage.verbs.counting import COUNT_OF_STATE
from outdial_server.storage.verbs.held_rows import READY_US
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK, Listed, page_of

DIALLED_BY: Final = (
    "coalesce((SELECT w.carrier FROM carrier_configs w WHERE w.key = c.carrier_config_key), "
    "b.carrier)"
)
"""Of a call `c` of a batch `b`: of its carrier config, which may be another one's."""

CARRIER: Final = (
    f"CASE WHEN coalesce(s.medium, b.medium) = {int(Medium.WEBHOOK)} "
    f"THEN '{WEBHOOK_CARRIER}' ELSE {DIALLED_BY} END AS carrier"
)
"""Of a call: `domain.medium.carrier_of`, in SQL."""

SHARED_COLUMNS: Final = (
    "b.id AS batch_id, s.address, c.id AS call_id, c.state AS call_state, "
    "c.reason AS call_reason, c.sent_us, c.accepted_us"
)
"""What `row_from` and `call_from` both need; each has columns of its own, too."""

ROW_COLUMNS: Final = (
    "s.key, s.id, s.batch_key, s.position, s.normalized_address, s.custom_id, s.time_zone, "
    "s.number_zone, b.time_zone AS batch_zone, "
    "s.priority, s.caller_id, s.context_json, s.metadata_json, s.annotations_json, "
    "s.final_state, s.state_reason, s.dispatch_outcome, s.dispatched_us, s.attempts, "
    f"s.disposition, {READY_US} AS due_us, s.ended_us, s.ring_timeout_s, s.max_duration_s, "
    "s.contact_id, s.contact_folder_id, s.carrier_params_json, s.medium, "
    "s.carrier_config_key, (SELECT w.id FROM carrier_configs w WHERE w.key = s.carrier_config_key) "
    "AS own_config_id"
)

_SELECT_ROW: Final = (
    f"SELECT {SHARED_COLUMNS}, {ROW_COLUMNS} FROM scheduled_calls s "
    "JOIN batches b ON b.key = s.batch_key LEFT JOIN calls c ON c.key = s.call_key "
)


def row_from(row: Row) -> ScheduledCall:
    call_state = None if row.call_state is None else CallState(row.call_state)
    open_state = state_while_open(call_state)
    sent = call_state not in (None, CallState.CLAIMED)
    live = open_state is not ScheduledCallState.WAITING and row.final_state is None
    outcome, dispatched_us = DispatchOutcome(row.dispatch_outcome), row.dispatched_us
    reason, disposition = row.state_reason, row.disposition
    if live:
        # What the row says of the try before is over.
        reason = row.call_reason if call_state is CallState.UNKNOWN else None
        disposition = None
    if live and row.accepted_us is not None and outcome is not DispatchOutcome.ACCEPTED:
        outcome, dispatched_us = DispatchOutcome.ACCEPTED, row.accepted_us
    zone, zone_source = person_zone(row.time_zone, row.number_zone, row.batch_zone)
    return ScheduledCall(
        scheduled_call_id=ScheduledCallId(unpack_id(row.id)),
        batch_id=BatchId(unpack_id(row.batch_id)),
        position=row.position,
        address=row.address,
        normalized_address=row.normalized_address or row.address,
        custom_id=row.custom_id or "",
        time_zone=row.time_zone or "",
        priority=row.priority,
        caller_id=row.caller_id or "",
        template_context_json=row.context_json or "",
        metadata=mapping_from(row.metadata_json),
        state=open_state if row.final_state is None else ScheduledCallState(row.final_state),
        state_reason=reason or "",
        dispatch_outcome=outcome,
        dispatched_at=moment_or_none(dispatched_us),
        attempt_count=row.attempts + (1 if live else 0),
        call_id=CallId(unpack_id(row.call_id)) if sent else None,
        sent_at=moment_or_none(row.sent_us) if sent else None,
        disposition=None if disposition is None else Disposition(disposition),
        due_at=moment_or_none(row.due_us),
        created_at=created_at(row.id),
        ended_at=moment_or_none(row.ended_us),
        effective_time_zone=zone,
        time_zone_source=zone_source,
        ring_timeout=length_or_none(row.ring_timeout_s),
        max_call_duration=length_or_none(row.max_duration_s),
        contact_id=unpack_id(row.contact_id) if row.contact_id else "",
        contact_folder_id=unpack_id(row.contact_folder_id) if row.contact_folder_id else "",
        annotations_json=row.annotations_json or "",
        carrier_params=mapping_from(row.carrier_params_json),
        medium=None if row.medium is None else Medium(row.medium),
        carrier_config=id_text(row.own_config_id),
    )


VISIBLE_STATE: Final = (
    "(CASE WHEN s.final_state IS NOT NULL THEN s.final_state "
    f"WHEN c.state IS NULL OR c.state IN ({int(CallState.CLAIMED)}, {int(CallState.ENDED)}) "
    f"THEN {int(ScheduledCallState.WAITING)} "
    f"WHEN c.state = {int(CallState.IN_PROGRESS)} THEN {int(ScheduledCallState.IN_PROGRESS)} "
    f"ELSE {int(ScheduledCallState.DIALING)} END)"
)
"""`state_while_open` in SQL, for filters; a test holds the two together."""

_VISIBLE_OUTCOME: Final = (
    "(CASE WHEN s.final_state IS NULL AND c.accepted_us IS NOT NULL "
    f"AND c.state NOT IN ({int(CallState.CLAIMED)}, {int(CallState.ENDED)}) "
    f"THEN {int(DispatchOutcome.ACCEPTED)} ELSE s.dispatch_outcome END)"
)
"""What `row_from` says of it, in SQL."""


def among(column: str, numbers: Collection[int]) -> str:
    """A filter over enum numbers; they are ours, so they can stand in the statement."""
    return (
        f"AND {column} IN ({', '.join(str(int(n)) for n in sorted(numbers))}) " if numbers else ""
    )


def list_batches(
    tx: Tx,
    account_id: AccountId,
    page: PageRequest,
    states: Collection[BatchState],
    agent_id: AgentId | None,
) -> Page[Batch]:
    parameters = {"account": account_key(tx, account_id)}
    of_agent = ""
    if agent_id is not None:
        of_agent = "AND b.agent_key = :agent "
        parameters["agent"] = agent_key(tx, account_id, agent_id)
    statement = (
        SELECT_BATCH + "WHERE b.account_key = :account AND b.is_direct = 0 "
        "AND b.revealed_us IS NOT NULL AND b.deleted_us IS NULL "
        + of_agent
        + among("b.state", states)
    )
    return Listed("batches", statement, parameters, "b.key", newest_first=True).page(
        tx, page, batch_from
    )


def find_row(tx: Tx, account_id: AccountId, row_id: ScheduledCallId) -> Row:
    packed = id_or_not_found(row_id, Reason.SCHEDULED_CALL_NOT_FOUND, "scheduled call")
    row = tx.one_or_none(
        _SELECT_ROW + "WHERE s.id = :id AND b.account_key = :account "
        "AND s.position < b.next_position AND b.deleted_us IS NULL AND b.is_direct = 0",
        id=packed,
        account=account_key(tx, account_id),
    )
    if row is None:
        raise not_found(Reason.SCHEDULED_CALL_NOT_FOUND, "scheduled call", row_id)
    return row


def get_scheduled_call(tx: Tx, account_id: AccountId, row_id: ScheduledCallId) -> ScheduledCall:
    return row_from(find_row(tx, account_id, row_id))


def list_scheduled_calls(
    tx: Tx,
    account_id: AccountId,
    batch_id: BatchId,
    page: PageRequest,
    states: Collection[ScheduledCallState],
    custom_id: str,
    outcomes: Collection[DispatchOutcome],
) -> Page[ScheduledCall]:
    batch = find_batch(tx, account_id, batch_id)
    listed = _listed_rows(batch, states, custom_id, outcomes)
    if states or custom_id or outcomes:
        place = listed.place(tx, page)
    else:
        # Positions have no gaps.
        place = min(listed.place_of_token(page) + page.skip, batch.next_position)
    # Of all rows, or of those with one custom id, the index gives those that fit.
    is_searched = bool(states or outcomes) and not custom_id
    last = place + ROWS_PER_LOOK if is_searched else batch.next_position
    rows = listed.rows(tx, page, place, last)
    return page_of(
        listed.name,
        page,
        rows,
        row_from,
        "position",
        look_on=last if last < batch.next_position - 1 else None,
        total=listed.total(tx, page) if custom_id or outcomes else _counted(batch, page, states),
    )


def _listed_rows(
    batch: Row,
    states: Collection[ScheduledCallState],
    custom_id: str,
    outcomes: Collection[DispatchOutcome],
) -> Listed:
    # The sign keeps SQLite off the index by position where that by custom id is right.
    position = "+s.position" if custom_id else "s.position"
    return Listed(
        "scheduled_calls",
        f"{_SELECT_ROW}WHERE s.batch_key = :batch AND {position} < b.next_position "
        + ("AND s.custom_id = :custom_id " if custom_id else "")
        + among(VISIBLE_STATE, states)
        + among(_VISIBLE_OUTCOME, outcomes),
        {"batch": batch.key} | ({"custom_id": custom_id} if custom_id else {}),
        position,
    )


def _counted(batch: Row, page: PageRequest, states: Collection[ScheduledCallState]) -> int | None:
    """What the batch counts anyway."""
    if not page.is_counted:
        return None
    names = {COUNT_OF_STATE[state] for state in states} or {"total"}
    return sum(int(getattr(batch, name)) for name in names)


def rows_after(tx: Tx, batch_key: int, after_position: int, limit: int) -> list[ScheduledCall]:
    rows = tx.all(
        _SELECT_ROW + "WHERE s.batch_key = :batch AND s.position > :after "
        "AND s.position < b.next_position ORDER BY s.position LIMIT :limit",
        batch=batch_key,
        after=after_position,
        limit=limit,
    )
    return [row_from(row) for row in rows]


def rows_in_events(tx: Tx, batch_key: int, after: int, to: int) -> list[ScheduledCall]:
    rows = tx.all(
        _SELECT_ROW + "WHERE s.key IN (SELECT e.scheduled_key FROM events e "
        "WHERE e.batch_key = :batch AND e.seq > :after AND e.seq <= :to "
        "AND e.scheduled_key IS NOT NULL) ORDER BY s.position",
        batch=batch_key,
        after=after,
        to=to,
    )
    return [row_from(row) for row in rows]
