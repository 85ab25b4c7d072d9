"""Which events of a flush a watcher is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from outdial_server.domain.event import Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import ScheduledCallId
from outdial_server.watch.entry import Entry

E = TypeVar("E")


class Delivery(Enum):
    """LATEST folds away states that a call only passed through; EVERY_EVENT nothing."""

    LATEST = "latest"
    EVERY_EVENT = "every_event"


class Scope(Enum):
    """CALLS is the batch with its scheduled calls, BATCH its state and counts alone."""

    CALLS = "calls"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class View:
    delivery: Delivery
    scope: Scope


def fold(entries: Sequence[Entry[E]], view: View) -> list[Entry[E]]:
    """The entries that belong in the view, in their order."""
    if view.scope is Scope.BATCH:
        return [entry for entry in entries if not _is_of_a_call(entry.event)]
    if view.delivery is Delivery.EVERY_EVENT:
        return list(entries)
    return _newest(entries)


def up_to_closing(entries: Sequence[Entry[E]], newest: int) -> Sequence[Entry[E]]:
    """The entries up to the one after which a stream has no more to tell."""
    for index, entry in enumerate(entries):
        if closes(entry.event, newest):
            return entries[: index + 1]
    return entries


def closes(event: Event, newest: int) -> bool:
    """Whether a stream ends with this event, where `newest` is the last in the log. Behind
    the end of a batch only three things can follow: its deletion, a retry with which it
    goes on, and the stream too, or what was said in its calls, after which the stream ends
    where the log does. The calls of a batch that was deleted while it ran still come to their
    end, but nobody may look any more."""
    if event.type is EventType.BATCH_ENDED:
        return event.sequence == newest
    return event.type is EventType.BATCH_DELETED


def _newest(entries: Sequence[Entry[E]]) -> list[Entry[E]]:
    """The newest event of each scheduled call (which is its state), every terminal one and
    every one of the batch."""
    told: set[ScheduledCallId] = set()
    kept: list[Entry[E]] = []
    for entry in reversed(entries):
        after = entry.event.after
        if not isinstance(after, ScheduledCallAfter):
            kept.append(entry)
            continue
        if entry.event.is_terminal or after.scheduled_call_id not in told:
            kept.append(entry)
        told.add(after.scheduled_call_id)
    kept.reverse()
    return kept


def _is_of_a_call(event: Event) -> bool:
    return isinstance(event.after, ScheduledCallAfter)
