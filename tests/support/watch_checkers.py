"""What a watch promises, each promise its own checker.

They look at `Told`, one for each message, whatever surface it came through; several
streams of one watcher, each resumed where the one before was cut, are one list.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from outdial_server.domain.errors import OutdialError, Reason
from outdial_server.domain.event import Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import BatchId
from outdial_server.watch.token import read_token
from outdial_server.watch.update import Update, UpdateKind

TERMINAL = frozenset(
    {
        EventType.CALL_ENDED,
        EventType.CALL_PRESUMED_ENDED,
        EventType.SCHEDULED_CALL_ENDED,
        EventType.BATCH_ENDED,
        EventType.BATCH_DELETED,
    }
)
CLOSING = frozenset({EventType.BATCH_ENDED, EventType.BATCH_DELETED})
EVENTS_PER_MESSAGE_MAX = 1000

_WAITING = 1

States = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """Of a batch's own events, row and state are None."""

    sequence: int
    type: int
    row: str | None
    state: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """One message, and when it came."""

    at: datetime
    sequence: int
    token: str
    rows: Sequence[tuple[str, int]]
    events: Sequence[ToldEvent]
    snapshot_complete: bool = False
    heartbeat: bool = False
    ended: bool = False


def told_event(event: Event) -> ToldEvent:
    after = event.after
    if isinstance(after, ScheduledCallAfter):
        return ToldEvent(event.sequence, event.type, after.scheduled_call_id, after.state)
    return ToldEvent(event.sequence, event.type, None, None)


def told_update(update: Update[ToldEvent], at: datetime) -> Told:
    return Told(
        at,
        update.sequence,
        update.resume_token,
        [(row.scheduled_call_id, row.state) for row in update.rows],
        update.events,
        update.kind is UpdateKind.SNAPSHOT_COMPLETE,
        update.kind is UpdateKind.HEARTBEAT,
        update.ended,
    )


def events_of(told: Sequence[Told]) -> list[ToldEvent]:
    return [event for message in told for event in message.events]


def check_ordered(told: Sequence[Told]) -> None:
    """Events come in the order of their numbers; no message stands before an earlier one."""
    for before, after in pairwise(events_of(told)):
        assert before.sequence < after.sequence, f"{after} came after {before}"
    standing = [message.sequence for message in told if message.token]
    assert standing == sorted(standing), f"a watcher was sent back: {standing}"
    for message in told:
        assert all(event.sequence <= message.sequence for event in message.events)


def check_unique(told: Sequence[Told]) -> None:
    """No event comes twice."""
    times = Counter(event.sequence for event in events_of(told))
    repeated = [number for number, count in times.items() if count > 1]
    assert not repeated, f"told more than once: {repeated[:10]}"


def check_gapless(told: Sequence[Told], after: int, to: int) -> None:
    """Every event behind `after` up to `to` comes: the promise of EVERY_EVENT."""
    numbers = {event.sequence for event in events_of(told)}
    missing = set(range(after + 1, to + 1)) - numbers
    assert not missing, f"never told: {sorted(missing)[:10]}"


def check_contiguous_messages(told: Sequence[Told]) -> None:
    """With EVERY_EVENT each message holds exactly what lies between its place and that of
    the one before, so that a client can tell a loss from a fold."""
    standing = [message for message in told if message.token]
    for before, message in pairwise(standing):
        if not message.snapshot_complete:
            numbers = [event.sequence for event in message.events]
            assert numbers == list(range(before.sequence + 1, message.sequence + 1))


def check_terminal_told(told: Sequence[Told], log: Sequence[ToldEvent], after: int) -> None:
    """No terminal event behind `after` is folded away, nor one of the batch itself."""
    numbers = {event.sequence for event in events_of(told)}
    last = told[-1].sequence
    for event in log[after:last]:
        if event.type in TERMINAL or event.row is None:
            assert event.sequence in numbers, f"{event} was folded away"


def check_states(
    told: Sequence[Told], states_at: Callable[[int], States], known: States | None = None
) -> None:
    """After each message that says where it stands, what was told is what was true there:
    the promise of LATEST, and of the snapshot. `known` is where a resumed watcher began.
    Rows that are added later are only counted to a watcher, so they may be missing."""
    states = dict(known or {})
    is_started = known is not None
    for message in told:
        states.update(message.rows)
        states.update({e.row: e.state for e in message.events if e.row is not None and e.state})
        is_started |= message.snapshot_complete
        if is_started and message.token:
            truth = states_at(message.sequence)
            wrong = {row: s for row, s in truth.items() if states.get(row, _WAITING) != s}
            assert not wrong, f"at {message.sequence}, not as told: {wrong}"
            is_whole = states.keys() == truth.keys()
            assert is_whole or not message.snapshot_complete, "rows of the snapshot"


def check_tokens(told: Sequence[Told], batch_id: BatchId) -> None:
    """A token stands where its message says; an unfinished snapshot has none."""
    for message in told:
        if message.token:
            assert read_token(message.token, batch_id, message.sequence) == message.sequence
        else:
            assert message.sequence == 0
            assert not message.events


def check_heartbeats(told: Sequence[Told], idle: timedelta) -> None:
    """A heartbeat tells nothing new, stands where its watcher stood, and comes when
    nothing was told for so long."""
    for before, message in pairwise(told):
        if message.heartbeat:
            assert not message.events
            assert not message.rows
            assert (message.sequence, message.token) == (before.sequence, before.token)
            assert message.at - before.at >= idle
        elif not message.ended:
            assert message.at - before.at <= idle + timedelta(seconds=1), "no heartbeat came"


def check_paced(told: Sequence[Told], min_interval: timedelta) -> None:
    """From the start of one flush to that of the next at least `min_interval` passes.
    Messages of one moment are one flush."""
    moments = sorted({message.at for message in told if message.events})
    for before, after in pairwise(moments):
        assert after - before >= min_interval, f"flushed again after {after - before}"


def check_sizes(told: Sequence[Told]) -> None:
    assert max((len(message.events) for message in told), default=0) <= EVENTS_PER_MESSAGE_MAX


def check_ended(told: Sequence[Told]) -> None:
    """`ended` is the last word, and everything up to the end was told. Behind an end that
    was told before stands a retry, or the deletion."""
    assert [message.ended for message in told].index(True) == len(told) - 1
    closing = [event for event in events_of(told) if event.type in CLOSING]
    if closing:
        assert told[-1].events[-1] == closing[-1]
    assert EventType.BATCH_DELETED not in {event.type for event in closing[:-1]}


def check_erased_named(error: OutdialError, oldest: int) -> None:
    assert error.reason is Reason.EVENTS_ERASED
    assert error.metadata == {"oldest_sequence": str(oldest)}
