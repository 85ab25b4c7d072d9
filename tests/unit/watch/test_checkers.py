"""The checkers themselves: each one finds the fault that it is there for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.domain.errors import OutOfRangeError, Reason
from outdial_server.domain.event import EventType
from outdial_server.watch.token import write_token
from support.clock import START
from support.memory_log import BATCH_ID
from support.watch_checkers import (
    Told,
    ToldEvent,
    check_contiguous_messages,
    check_ended,
    check_erased_named,
    check_gapless,
    check_heartbeats,
    check_ordered,
    check_paced,
    check_sizes,
    check_states,
    check_terminal_told,
    check_tokens,
    check_unique,
)

IDLE = timedelta(seconds=15)
INTERVAL = timedelta(milliseconds=250)


def of_call(sequence: int, kind: EventType = EventType.CALL_RINGING, state: int = 2) -> ToldEvent:
    return ToldEvent(sequence, kind, "row 0", state)


def message(sequence: int, *events: ToldEvent, at_seconds: float = 0) -> Told:
    token = write_token(BATCH_ID, sequence)
    at = START + timedelta(seconds=at_seconds)
    return Told(at, sequence, token, (), events)


LOG = [
    ToldEvent(1, EventType.BATCH_CREATED, None, None),
    of_call(2),
    of_call(3, EventType.CALL_ENDED, 4),
    of_call(4),
    ToldEvent(5, EventType.BATCH_ENDED, None, None),
]
GOOD = [
    message(1),
    message(3, of_call(2), of_call(3, EventType.CALL_ENDED, 4)),
    replace(message(3, at_seconds=15), heartbeat=True),
    message(4, of_call(4), at_seconds=16),
    replace(message(5, LOG[4], at_seconds=17), ended=True),
]


def states_at(sequence: int) -> dict[str, int]:
    return {"row 0": {1: 1, 2: 2, 3: 4}.get(sequence, 2)}


Checker = Callable[[list[Told]], None]
CHECKERS: dict[str, Checker] = {
    "ordered": check_ordered,
    "unique": check_unique,
    "gapless": lambda told: check_gapless(told, 1, 5),
    "contiguous": check_contiguous_messages,
    "terminal": lambda told: check_terminal_told(told, LOG, 1),
    "states": lambda told: check_states(told, states_at, known={"row 0": 1}),
    "tokens": lambda told: check_tokens(told, BATCH_ID),
    "heartbeats": lambda told: check_heartbeats(told, IDLE),
    "paced": lambda told: check_paced(told, INTERVAL),
    "sizes": check_sizes,
    "ended": check_ended,
}


@pytest.mark.parametrize("name", CHECKERS)
def test_a_good_history_passes(name: str) -> None:
    CHECKERS[name](GOOD)


FAULTS: dict[str, tuple[str, list[Told]]] = {
    "events swapped": ("ordered", [message(3, of_call(3), of_call(2))]),
    "sent back": ("ordered", [message(3), message(2)]),
    "an event ahead of its message": ("ordered", [message(2, of_call(3))]),
    "an event twice": ("unique", [message(2, of_call(2)), message(3, of_call(2))]),
    "an event missing": ("gapless", [GOOD[1], GOOD[4]]),
    "a message ahead of its events": ("contiguous", [GOOD[0], message(4, of_call(2))]),
    "an end folded away": ("terminal", [message(4, of_call(2), of_call(4))]),
    "an old state": ("states", [message(3, of_call(2))]),
    "a token of another place": ("tokens", [replace(message(3), sequence=4)]),
    "a place inside a snapshot": ("tokens", [replace(message(3), token="")]),
    "a heartbeat with news": ("heartbeats", [GOOD[1], replace(GOOD[3], heartbeat=True)]),
    "a heartbeat that moves on": (
        "heartbeats",
        [GOOD[1], replace(message(4, at_seconds=15), heartbeat=True)],
    ),
    "a hasty heartbeat": ("heartbeats", [GOOD[1], replace(message(3), heartbeat=True)]),
    "silence": ("heartbeats", [GOOD[1], message(4, of_call(4), at_seconds=40)]),
    "a hasty flush": ("paced", [GOOD[1], message(4, of_call(4), at_seconds=0.2)]),
    "a message too long": ("sizes", [message(1001, *map(of_call, range(1001)))]),
    "words after the end": ("ended", [GOOD[4], GOOD[4]]),
    "an event after the end": ("ended", [replace(GOOD[4], events=(LOG[4], of_call(6)))]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    name, told = FAULTS[fault]
    with pytest.raises((AssertionError, OutOfRangeError)):
        CHECKERS[name](told)


def test_an_incomplete_snapshot_is_found() -> None:
    complete = replace(message(1), snapshot_complete=True)
    with pytest.raises(AssertionError):
        check_states([complete], states_at)
    check_states([replace(complete, rows=[("row 0", 1)])], states_at)


def test_an_erased_range_without_its_oldest_event_is_found() -> None:
    with pytest.raises(AssertionError):
        check_erased_named(OutOfRangeError(Reason.EVENTS_ERASED, "erased"), oldest=3)
