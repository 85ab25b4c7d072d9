"""Folding: pure, and true for every run of events."""

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.event import Event, EventType, ScheduledCallAfter
from outdial_server.watch.entry import Entry
from outdial_server.watch.fold import Delivery, Scope, View, closes, fold, up_to_closing
from support.clock import ManualClock, ManualSignals
from support.memory_log import MemoryLog
from support.watching import BATCH_ONLY, EVERY_EVENT, LATEST


@st.composite
def logs(draw: st.DrawFn) -> list[Entry[Event]]:
    clock = ManualClock()
    log = MemoryLog(clock, ManualSignals(clock), draw(st.integers(0, 10_000)), rows=3)
    for _ in range(draw(st.integers(0, 40))):
        log.step()
    if draw(st.booleans()):
        log.add_rows(1)
    if draw(st.booleans()):
        log.finish()
        if draw(st.booleans()) and log.retry():
            log.step(events=draw(st.integers(0, 9)))
    if draw(st.booleans()):
        log.delete()
    first = draw(st.integers(0, len(log.events) - 1))
    return [Entry(event, lambda event: event) for event in log.events[first:]]


def row_of(entry: Entry[Event]) -> str | None:
    after = entry.event.after
    return after.scheduled_call_id if isinstance(after, ScheduledCallAfter) else None


@given(logs())
def test_every_event_is_every_event(entries: list[Entry[Event]]) -> None:
    assert fold(entries, EVERY_EVENT) == entries


@given(logs(), st.sampled_from(Delivery), st.sampled_from(Scope))
def test_what_is_kept_keeps_its_order(
    entries: list[Entry[Event]], delivery: Delivery, scope: Scope
) -> None:
    numbers = [entry.event.sequence for entry in fold(entries, View(delivery, scope))]
    assert numbers == sorted(set(numbers))


@given(logs())
def test_latest_keeps_what_is_terminal_what_is_of_the_batch_and_the_newest(
    entries: list[Entry[Event]],
) -> None:
    kept = fold(entries, LATEST)
    newest = {row_of(entry): entry for entry in entries}
    for entry in entries:
        row = row_of(entry)
        must_stay = row is None or entry.event.is_terminal or newest[row] is entry
        assert (entry in kept) == must_stay


@given(logs())
def test_folding_twice_changes_nothing(entries: list[Entry[Event]]) -> None:
    once = fold(entries, LATEST)
    assert fold(once, LATEST) == once


@given(logs())
def test_the_scope_of_the_batch_holds_its_own_events_alone(entries: list[Entry[Event]]) -> None:
    assert fold(entries, BATCH_ONLY) == [e for e in entries if row_of(e) is None]


@given(logs())
def test_a_stream_tells_nothing_after_its_closing_event(entries: list[Entry[Event]]) -> None:
    newest = entries[-1].event.sequence
    told = list(up_to_closing(entries, newest))
    assert told == entries[: len(told)]
    assert not any(closes(entry.event, newest) for entry in told[:-1])
    assert len(told) == len(entries) or closes(told[-1].event, newest)


@given(logs())
def test_an_end_closes_only_while_nothing_stands_behind_it(entries: list[Entry[Event]]) -> None:
    newest = entries[-1].event.sequence
    for entry in entries:
        if entry.event.type is EventType.BATCH_ENDED:
            assert closes(entry.event, newest) == (entry is entries[-1])
        else:
            deleted = entry.event.type is EventType.BATCH_DELETED
            assert closes(entry.event, newest) == deleted


def test_an_event_is_encoded_once_and_only_when_asked_for() -> None:
    clock = ManualClock()
    event = MemoryLog(clock, ManualSignals(clock)).events[0]
    encoded: list[Event] = []

    def encode(event: Event) -> str:
        encoded.append(event)
        return "encoded"

    entry = Entry(event, encode)
    assert encoded == []
    assert (entry.encoded, entry.encoded) == ("encoded", "encoded")
    assert encoded == [event]
