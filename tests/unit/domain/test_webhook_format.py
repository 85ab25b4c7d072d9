"""What each format has a word for, and what its messages tell of."""

from dataclasses import replace

import pytest

from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import AccountId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.told_call import Told
from outdial_server.domain.webhook import WebhookFields
from outdial_server.domain.webhook_format import TELLS, WebhookFormat, has_a_word_for
from outdial_server.domain.webhook_message import calls_of, wanted_messages, with_told
from support.clock import START
from support.domain import a_batch
from support.told import TOLD

OF_BATCHES = {
    EventType.BATCH_CREATED,
    EventType.BATCH_UPDATED,
    EventType.BATCH_STATE_CHANGED,
    EventType.SCHEDULED_CALLS_ADDED,
    EventType.BATCH_ENDED,
    EventType.BATCH_DELETED,
}


def event(
    event_type: EventType,
    *,
    state: BatchState = BatchState.COMPLETED,
    call_state: CallState = CallState.ENDED,
    call_id: CallId | None = TOLD.call.call_id,
) -> Event:
    after: BatchAfter | ScheduledCallAfter = BatchAfter(state, "", "", 9)
    if event_type not in OF_BATCHES:
        after = ScheduledCallAfter(
            ScheduledCallId("row"),
            7,
            ScheduledCallState.COMPLETED,
            "",
            DispatchOutcome.ACCEPTED,
            call_id,
            1,
            call_state,
            None,
        )
    return Event(41, START, event_type, "CARRIER", after)


@pytest.mark.parametrize("form", WebhookFormat)
@pytest.mark.parametrize("event_type", EventType)
def test_a_format_tells_its_own_events_and_no_others(
    form: WebhookFormat, event_type: EventType
) -> None:
    assert has_a_word_for(form, event(event_type)) is (event_type in TELLS[form])


@pytest.mark.parametrize(
    ("form", "state", "is_told"),
    [
        (WebhookFormat.SPEECHIFY, BatchState.COMPLETED, True),
        (WebhookFormat.SPEECHIFY, BatchState.FAILED, True),
        (WebhookFormat.SPEECHIFY, BatchState.CANCELLED, False),
        (WebhookFormat.TRUEDY, BatchState.COMPLETED, True),
        (WebhookFormat.TRUEDY, BatchState.FAILED, False),
        (WebhookFormat.TRUEDY, BatchState.CANCELLED, False),
        (WebhookFormat.OUTDIAL, BatchState.CANCELLED, True),
    ],
)
def test_how_a_batch_ended_has_a_word_or_has_none(
    form: WebhookFormat, state: BatchState, is_told: bool
) -> None:
    assert has_a_word_for(form, event(EventType.BATCH_ENDED, state=state)) is is_told


def test_what_is_said_during_a_call_is_told_at_its_end() -> None:
    during = event(EventType.CONVERSATION_REPORTED, call_state=CallState.IN_PROGRESS)
    assert not has_a_word_for(WebhookFormat.SPEECHIFY, during)
    assert has_a_word_for(WebhookFormat.OUTDIAL, during)


def test_messages_are_given_what_they_tell_of() -> None:
    fields = WebhookFields("u", format=WebhookFormat.TRUEDY)
    events = [
        event(EventType.BATCH_CREATED),
        event(EventType.CALL_SENDING),
        event(EventType.CALL_RINGING),
        event(EventType.CALL_ENDED),
        event(EventType.BATCH_ENDED),
    ]
    messages = wanted_messages(fields, AccountId("a"), BatchId("0-1"), events, is_direct=False)
    assert [message.event for message in messages] == [events[1], events[3], events[4]]
    assert calls_of(messages) == {TOLD.call.call_id}
    batch = a_batch()
    whole = with_told(messages, Told(batch, {TOLD.call.call_id: TOLD}))
    assert [message.about for message in whole] == [TOLD, TOLD, batch]
    assert [replace(message, about=None) for message in whole] == messages


def test_of_batches_that_end_those_are_told_that_ended_as_was_asked() -> None:
    fields = WebhookFields("u", batch_end_states=(BatchState.FAILED,))
    ended = {
        state: event(EventType.BATCH_ENDED, state=state)
        for state in (BatchState.COMPLETED, BatchState.CANCELLED, BatchState.FAILED)
    }
    # Another event of a batch that is what was not asked for.
    moved = event(EventType.BATCH_STATE_CHANGED, state=BatchState.COMPLETED)
    events = [moved, *ended.values(), event(EventType.CALL_ENDED)]
    messages = wanted_messages(fields, AccountId("a"), BatchId("0-1"), events, is_direct=False)
    told = [message.event for message in messages]
    assert told == [moved, ended[BatchState.FAILED], events[-1]]


def test_what_was_erased_is_not_told() -> None:
    fields = WebhookFields("u", format=WebhookFormat.TRUEDY)
    events = [event(EventType.CALL_ENDED), event(EventType.BATCH_ENDED)]
    messages = wanted_messages(fields, AccountId("a"), BatchId("0-1"), events, is_direct=False)
    assert with_told(messages, Told()) == []
    assert [one.about for one in with_told(messages, Told(calls={TOLD.call.call_id: TOLD}))] == [
        TOLD
    ]
