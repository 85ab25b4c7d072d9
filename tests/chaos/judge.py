"""What must be true in the end, of what the carrier, the watchers and the API say. Each function
gives the promises that were broken, in words; nothing here knows how they are kept."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch
from outdial.v1.call_pb2 import CALL_STATE_ENDED, Call
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_SENDING, EVENT_TYPE_CALL_UNKNOWN, Event
from outdial.v1.scheduled_call_pb2 import (
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_FAILED,
    ScheduledCall,
)

from chaos.lists import CalledList
from chaos.watchers import Witness

_NAMED_MOST: Final = 5
_NOT_PLACED: Final = "NOT_PLACED"


class RingRecord(NamedTuple):
    event: str
    call_id: str
    to: str
    live: int


def read_ring_log(path: Path) -> list[RingRecord]:
    with path.open() as lines:
        records = map(json.loads, lines)
        return [RingRecord(*(record[name] for name in RingRecord._fields)) for record in records]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one list, by the API."""

    called: CalledList
    batch: Batch
    rows: Sequence[ScheduledCall]
    calls: Sequence[Call]
    log: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Ringing:
    """What the carrier's log says."""

    # Calls that rang, by the number that was dialled and by our id.
    people: Counter[str]
    calls: Counter[str]
    # Alive at once at the most, by the name of a cap.
    live_most: Mapping[str, int]
    requests: int
    alive: int


def ringing(records: Iterable[RingRecord], lists: Sequence[CalledList]) -> Ringing:
    caps_of = {number: called.caps for called in lists for number in called.people}
    people: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    live: Counter[str] = Counter()
    most: defaultdict[str, int] = defaultdict(int)
    requests = alive = 0
    for record in records:
        caps = caps_of.get(record.to, {})
        requests += record.event == "requested"
        if record.event == "placed":
            people[record.to] += 1
            calls[record.call_id] += 1
            live.update(list(caps))
            most |= {name: max(most[name], live[name]) for name in caps}
        elif record.event == "ended":
            live.subtract(list(caps))
        alive = record.live
    return Ringing(people, calls, most, requests, alive)


def rung_twice(rang: Ringing) -> Iterator[str]:
    yield from _named("rung twice", (who for who, times in rang.people.items() if times > 1))
    yield from _named("calls placed twice", (c for c, times in rang.calls.items() if times > 1))


def over_caps(rang: Ringing, lists: Iterable[CalledList]) -> Iterator[str]:
    caps = {name: cap for called in lists for name, cap in called.caps.items()}
    for name, cap in caps.items():
        if rang.live_most.get(name, 0) > cap:
            yield f"{rang.live_most[name]} live calls at once under the cap of {name}, {cap}"


def lost(outcome: Outcome) -> Iterator[str]:
    """Everybody who was on the list is at an end that this list can have, and so is each call."""
    called, rows, batch = outcome.called, outcome.rows, outcome.batch
    ends = (SCHEDULED_CALL_STATE_COMPLETED, SCHEDULED_CALL_STATE_FAILED)
    there = Counter(row.address for row in rows)
    listed = Counter(called.people)
    yield from _named("lost", (listed - there).elements())
    yield from _named("listed, and never given", (there - listed).elements())
    yield from _named("at no end", (row.address for row in rows if row.state not in ends))
    open_calls = (call.call_id for call in outcome.calls if call.state != CALL_STATE_ENDED)
    yield from _named("calls at no end", open_calls)
    states = Counter(row.state for row in rows)
    counted = (batch.counts.completed, batch.counts.failed, batch.counts.total)
    if batch.state != BATCH_STATE_COMPLETED or counted != (
        *(states[end] for end in ends),
        len(rows),
    ):
        yield f"a batch counts {counted} and is in state {batch.state}; its rows are {dict(states)}"


def untrue(rows: Iterable[ScheduledCall], rang: Ringing) -> Iterator[str]:
    """What is recorded of people against what rang."""
    never, after_all = [], []
    for row in rows:
        has_rung = rang.people[row.address] > 0
        if row.state == SCHEDULED_CALL_STATE_COMPLETED and not has_rung:
            never.append(row.address)
        if row.state_reason == _NOT_PLACED and has_rung:
            after_all.append(row.address)
    yield from _named("completed, and never rang", never)
    yield from _named("recorded as not placed, and rang", after_all)


def unfaithful(witness: Witness, log: Sequence[Event]) -> Iterator[str]:
    """Each event behind the snapshot exactly once, in order, and as everybody else has it."""
    if witness.refused:
        yield f"{witness.name} was refused: {witness.refused}"
    if witness.snapshot_sequence is None:
        yield f"{witness.name} never had a snapshot"
        return
    owed = [event for event in log if event.sequence > witness.snapshot_sequence]
    heard = [sequence for sequence, _ in witness.heard]
    doubled = (number for number, times in Counter(heard).items() if times > 1)
    yield from _named(f"{witness.name} was told twice of events", doubled)
    missing = {event.sequence for event in owed} - set(heard)
    yield from _named(f"{witness.name} was never told of events", sorted(missing))
    if heard != sorted(heard):
        yield f"{witness.name} was told of events out of order"
    images = {event.sequence: event.SerializeToString(deterministic=True) for event in owed}
    others = (number for number, image in witness.heard if images.get(number) != image)
    yield from _named(f"{witness.name} was told something else in events", others)


def gaps(log: Sequence[Event], newest: int) -> Iterator[str]:
    numbers = [event.sequence for event in log]
    if numbers != list(range(1, newest + 1)):
        yield f"a log whose newest event is {newest} has {len(numbers)}, with gaps"


def unknown_of_others(log: Iterable[Event]) -> Iterator[str]:
    """Nothing but a call whose request was on its way may become unknown."""
    latest: dict[str, int] = {}
    strange = []
    for event in log:
        call_id = event.scheduled_call.call_id
        before = latest.get(call_id)
        if event.type == EVENT_TYPE_CALL_UNKNOWN and before != EVENT_TYPE_CALL_SENDING:
            strange.append(call_id)
        latest[call_id] = event.type
    yield from _named("unknown, and not in SENDING before", strange)


def count_unknown(log: Iterable[Event]) -> int:
    return sum(event.type == EVENT_TYPE_CALL_UNKNOWN for event in log)


def _named(what: str, found: Iterable[object]) -> Iterator[str]:
    """One line, with some of them."""
    several = list(found)
    if several:
        some = ", ".join(map(str, islice(several, _NAMED_MOST)))
        yield f"{what}: {len(several)}, among them {some}"
