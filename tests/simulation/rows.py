"""What is true of the rows after every transaction, said in SQL of its own: nothing here calls
the code that wrote them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

Read = Callable[..., list[tuple[Any, ...]]]

# States of calls, and kinds of slots, as docs/state-machines.md and the schema have them.
CLAIMED, SENDING, IN_PROGRESS, UNKNOWN, ENDED = 1, 2, 5, 6, 7
ACCOUNT, ACCOUNT_BATCHES, AGENT, BATCH, CARRIER_CONFIG = 1, 2, 3, 4, 5
HOLD = 3
"""A policy: an unknown call waits for a person, long after it can have been alive."""
FINAL = 4
"""Scheduled calls are over from this state on."""

Slots = dict[tuple[int, int], tuple[int | None, int]]
"""Target and use, by kind and owner."""


def holders(owner: tuple[Any, ...]) -> list[tuple[int, int]]:
    """The scopes that a call counts in, by account, agent, batch and carrier config."""
    account, agent, batch, config = owner
    scopes = [(ACCOUNT, account), (ACCOUNT_BATCHES, account), (AGENT, agent), (BATCH, batch)]
    return scopes if config is None else [*scopes, (CARRIER_CONFIG, config)]


def read_slots(read: Read) -> Slots:
    rows = read("SELECT kind, owner, target_cap, used FROM slots")
    return {(kind, owner): (target, used) for kind, owner, target, used in rows}


def check_ledger(read: Read, slots: Slots) -> None:
    held: Counter[tuple[int, int]] = Counter()
    for *owner, calls in read(
        "SELECT account_key, agent_key, batch_key, carrier_config_key, COUNT(*) FROM calls "
        "WHERE holds_slot = 1 GROUP BY 1, 2, 3, 4"
    ):
        held.update(dict.fromkeys(holders(tuple(owner)), calls))
    used = {scope: used for scope, (_, used) in slots.items() if used}
    assert used == dict(held), f"the ledger has {used}, its calls hold {dict(held)}"


_STATE: Final = (
    "CASE WHEN s.final_state IS NOT NULL THEN s.final_state "
    f"WHEN c.state = {IN_PROGRESS} THEN 3 WHEN c.state BETWEEN 2 AND 6 THEN 2 ELSE 1 END"
)
_COUNTERS: Final = (
    "waiting",
    "dialing",
    "in_progress",
    "completed",
    "failed",
    "expired",
    "cancelled",
    "skipped",
)


def check_counters(read: Read) -> None:
    counted: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for batch, state, rows in read(
        f"SELECT s.batch_key, {_STATE}, COUNT(*) FROM scheduled_calls s "
        "JOIN batches b ON b.key = s.batch_key LEFT JOIN calls c ON c.key = s.call_key "
        "WHERE s.position < b.next_position GROUP BY 1, 2"
    ):
        counted[batch][state] += rows
    calls = {
        (batch, state): count
        for batch, state, count in read(
            f"SELECT batch_key, state, COUNT(*) FROM calls WHERE state IN ({SENDING}, {UNKNOWN}) "
            "GROUP BY 1, 2"
        )
    }
    for batch, total, unknown, sends, *kept in read(
        f"SELECT key, total, unknown, sends_in_flight, {', '.join(_COUNTERS)} FROM batches "
        "WHERE revealed_us IS NOT NULL"
    ):
        rows = [counted[batch][state] for state in range(1, 9)]
        assert kept == rows, f"batch {batch} counts {kept} of its rows, which are {rows}"
        assert total == sum(rows), f"batch {batch} has {sum(rows)} rows and counts {total}"
        assert unknown == calls.get((batch, UNKNOWN), 0), f"unknown calls of batch {batch}"
        assert sends == calls.get((batch, SENDING), 0), f"sends in flight of batch {batch}"


def check_calls(read: Read) -> None:
    several = read(
        f"SELECT scheduled_key FROM calls WHERE state <> {ENDED} "
        "GROUP BY scheduled_key HAVING COUNT(*) > 1"
    )
    assert several == [], f"rows {several} have two open calls"
    lost = read(
        "SELECT s.key FROM scheduled_calls s JOIN batches b ON b.key = s.batch_key "
        "LEFT JOIN calls c ON c.key = s.call_key AND c.state <> 7 "
        "WHERE s.final_state IS NULL AND s.position < b.next_position AND s.due_us IS NULL "
        f"AND (c.key IS NULL OR (c.state = {CLAIMED} AND c.holds_slot = 0))"
    )
    assert lost == [], f"rows {lost} neither wait nor are at work"
    freed = read(
        "SELECT c.key FROM calls c JOIN batches b ON b.key = c.batch_key WHERE c.holds_slot = 0 "
        f"AND c.state BETWEEN {SENDING} AND {UNKNOWN} AND b.unknown_policy <> {HOLD}"
    )
    assert freed == [], f"the calls {freed} have no slot, and may be alive"
    unwatched = read("SELECT key FROM calls WHERE holds_slot = 1 AND trusted_until_us IS NULL")
    assert unwatched == [], f"nobody will ever look at the calls {unwatched}"


# Types of events.
_ENDS_OF_CALLS: Final = {10, 13}
_MOVES_OF_CALLS: Final = {5, 6, 7, 8, 9, 11, 13}


class EventLog:
    """The logs of all batches, as far as they have been read."""

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        self._tell = tell
        self._newest: defaultdict[int, int] = defaultdict(int)
        self._ended_calls: set[int | None] = set()
        self._over_rows: set[int] = set()

    def follow(self, read: Read) -> None:
        for batch, sequence in read("SELECT key, event_seq FROM batches ORDER BY key"):
            if sequence > self._newest[batch]:
                self._read_on(read, batch, sequence)

    def _read_on(self, read: Read, batch: int, sequence: int) -> None:
        events = [
            _Event(*columns)
            for columns in read(
                f"SELECT {', '.join(_Event._fields)} FROM events "
                "WHERE batch_key = :batch AND seq > :newest ORDER BY seq",
                batch=batch,
                newest=self._newest[batch],
            )
        ]
        expected = list(range(self._newest[batch] + 1, sequence + 1))
        assert [event.seq for event in events] == expected, f"a gap in the log of batch {batch}"
        self._newest[batch] = sequence
        for event in events:
            self._tell(batch, f"#{' '.join(map(str, event))}")
            self._check_call(event)
            self._check_row(event)

    def _check_call(self, event: "_Event") -> None:
        call = event.call_key
        if event.type in _ENDS_OF_CALLS and event.call_state == ENDED:
            assert call not in self._ended_calls, f"call {call} has ended twice"
            self._ended_calls.add(call)
        elif event.type in _MOVES_OF_CALLS:
            assert call not in self._ended_calls, f"call {call} goes on after its end"

    def _check_row(self, event: "_Event") -> None:
        row = event.scheduled_key
        if row is not None:
            assert row not in self._over_rows, f"row {row} goes on after its end"
            if event.state >= FINAL:
                self._over_rows.add(row)


class _Event(NamedTuple):
    """By the names of its columns."""

    seq: int
    type: int
    cause: str
    scheduled_key: int | None
    call_key: int | None
    call_state: int | None
    state: int
    reason: str | None
    disposition: int | None
