"""What other systems report of a call: it moves on, and what was said in it is kept."""

from typing import Final

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.call_event import (
    CallEvent,
    refuse_erased,
    refuse_too_much,
    refuse_unsent,
)
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCallState,
    state_while_open,
)
from outdial_server.ports.dispatch import Applied, CallAfterEvent
from outdial_server.storage.conversations import conversation_json
from outdial_server.storage.encoding import moment_or_none
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.call_reading import (
    find_call,
    get_call,
    lock_what_is_kept,
    read_conversation,
)
from outdial_server.storage.verbs.log import NewEvent, RowAfter, append_events
from outdial_server.storage.verbs.reporting import apply_reports
from outdial_server.storage.verbs.webhook_turns import follow_batch

_CAUSE: Final = "CALL_REPORT"


def apply_call_event(
    tx: Tx, account_id: AccountId, call_id: CallId, event: CallEvent
) -> CallAfterEvent:
    """The move first: it locks the ledger, which comes before rows."""
    call = find_call(tx, account_id, call_id)
    refuse_unsent(moment_or_none(call.sent_us))
    report = event.report_of(call_id)
    applied = Applied.nothing() if report is None else apply_reports(tx, [report], ())
    if event.conversation is not None:
        _keep(tx, call.key, event.conversation)
    return CallAfterEvent(get_call(tx, account_id, call_id), applied)


def _keep(tx: Tx, call_key: int, told: Conversation) -> None:
    """Said again it is not written again, and makes no event."""
    lock_what_is_kept(tx, call_key)
    call = tx.one_or_none(
        "SELECT c.key, c.account_key, c.batch_key, b.ended_us, c.scheduled_key, c.state, "
        "c.attempt, s.call_key, s.address, "
        "c.deleted_us IS NOT NULL OR s.position < b.payloads_erased_to AS is_erased, "
        "s.final_state, s.state_reason, "
        "s.dispatch_outcome, c.accepted_us, c.disposition, s.due_us "
        "FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
        "JOIN batches b ON b.key = c.batch_key WHERE c.key = :key",
        key=call_key,
    )
    if call is None or call.is_erased or not call.address:
        # Its age, a number that was forgotten, or it was deleted just now: nothing is kept of it
        # from then on.
        refuse_erased()
    before = read_conversation(tx, call_key)
    after = told if before is None else before.told_anew(told)
    if after == before:
        return
    refuse_too_much(after)
    tx.run(
        "INSERT INTO conversations (call_key, conversation_json) VALUES (:key, :text) "
        "ON CONFLICT (call_key) DO UPDATE SET conversation_json = excluded.conversation_json",
        key=call_key,
        text=conversation_json(after),
    )
    if call.call_key != call_key:
        # Not the latest call any more: the newest event of a row is its state.
        return
    if call.ended_us is not None and call.ended_us < tx.now_us:
        # Endpoints have been told all of the batch, and follow it no longer.
        tx.all(
            f"SELECT b.key FROM batches b WHERE b.key = :key {tx.dialect.for_update('b')}",
            key=call.batch_key,
        )
        follow_batch(tx, call.account_key, call.batch_key)
    append_events(tx, call.batch_key, [_event(call)])


def _event(call: Row) -> NewEvent:
    """With the scheduled call as it stands."""
    call_state = CallState(call.state)
    final = call.final_state
    accepted = call.accepted_us is not None
    after = RowAfter(
        scheduled_key=call.scheduled_key,
        call_key=call.key,
        state=state_while_open(call_state) if final is None else ScheduledCallState(final),
        reason=call.state_reason or "",
        dispatch_outcome=(
            DispatchOutcome.ACCEPTED if accepted else DispatchOutcome(call.dispatch_outcome)
        ),
        attempt=call.attempt,
        call_state=None if call_state is CallState.CLAIMED else call_state,
        disposition=None if call.disposition is None else Disposition(call.disposition),
        due_us=call.due_us,
    )
    return NewEvent(EventType.CONVERSATION_REPORTED, _CAUSE, after)
