"""What is posted to endpoints, and how it is named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.event import BatchAfter, Event, EventType
from outdial_server.domain.ids import AccountId, BatchId, CallId, WebhookId
from outdial_server.domain.told_call import Told, ToldCall
from outdial_server.domain.webhook import WebhookFields
from outdial_server.domain.webhook_format import has_a_word_for

_PREFIX: Final = "evt_"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """An event on its way to an endpoint."""

    account_id: AccountId
    # None for a call outside any batch.
    batch_id: BatchId | None
    # Of the message: the same for each try, and for each endpoint.
    message_id: str
    event: Event
    # What it tells of, in the formats of others.
    about: ToldCall | Batch | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Tells of nothing that happened: it is sent to see whether the endpoint takes it."""

    account_id: AccountId
    webhook_id: WebhookId
    message_id: str
    at: datetime


def message_id(batch_id: BatchId, sequence: int) -> str:
    return f"{_PREFIX}{batch_id.replace('-', '')}_{sequence}"


def event_named(text: str) -> tuple[BatchId, int] | None:
    """The batch and the sequence in a message id; None for a text that is none."""
    batch, _, sequence = text.removeprefix(_PREFIX).partition("_")
    if not (text.startswith(_PREFIX) and sequence.isascii() and sequence.isdecimal()):
        return None
    try:
        batch_id = BatchId(str(UUID(hex=batch)))
    except ValueError:
        return None
    # Another spelling would be another name of the same message.
    return (batch_id, int(sequence)) if text == message_id(batch_id, int(sequence)) else None


def wanted_messages(
    fields: WebhookFields,
    account_id: AccountId,
    batch_id: BatchId,
    events: Sequence[Event],
    *,
    is_direct: bool,
) -> list[WebhookMessage]:
    """Those of `events` that the endpoint is to be told of. The batch that stands behind a
    direct call is shown to nobody."""
    shown = None if is_direct else batch_id
    return [
        WebhookMessage(account_id, shown, message_id(batch_id, event.sequence), event)
        for event in events
        if _is_wanted(fields, event)
        and not (is_direct and event.is_of_batch)
        and has_a_word_for(fields.format, event)
    ]


def _is_wanted(fields: WebhookFields, event: Event) -> bool:
    if fields.event_types and event.type not in fields.event_types:
        return False
    if event.type is not EventType.BATCH_ENDED or not fields.batch_end_states:
        return True
    after = event.after
    return isinstance(after, BatchAfter) and BatchState(after.state) in fields.batch_end_states


def calls_of(messages: Iterable[WebhookMessage]) -> set[CallId]:
    """Those that the messages are about."""
    afters = (message.event.after for message in messages)
    ids = (None if isinstance(after, BatchAfter) else after.call_id for after in afters)
    return {call_id for call_id in ids if call_id is not None}


def with_told(messages: Iterable[WebhookMessage], told: Told) -> list[WebhookMessage]:
    """The messages with what they are about. Where that was erased nothing can be told."""
    whole = (replace(message, about=_about(message.event, told)) for message in messages)
    return [message for message in whole if message.about is not None]


def _about(event: Event, told: Told) -> ToldCall | Batch | None:
    if isinstance(event.after, BatchAfter):
        return told.batch
    return None if event.after.call_id is None else told.calls.get(event.after.call_id)


def tells_of_nothing(message: WebhookMessage) -> TypeError:
    """For a format that was given what it has no word for."""
    return TypeError(f"{message.event.type.name} is not told in this format")


@dataclass(frozen=True, slots=True)
class EventRange:
    """Events of one batch: those behind `after`, up to `to_sequence`."""

    batch_id: BatchId
    after: int
    to_sequence: int

    @property
    def count(self) -> int:
        return self.to_sequence - self.after


def ranges_of(named: Iterable[tuple[BatchId, int]]) -> list[EventRange]:
    """Each event once; what lies together in a batch is one range."""
    ranges: list[EventRange] = []
    for batch_id, sequence in sorted(set(named)):
        last = ranges[-1] if ranges else None
        if last is not None and (last.batch_id, last.to_sequence + 1) == (batch_id, sequence):
            ranges[-1] = EventRange(batch_id, last.after, sequence)
        else:
            ranges.append(EventRange(batch_id, sequence - 1, sequence))
    return ranges
