"""Counts and event numbers of batches, moved for a whole group in one statement."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from outdial_server.domain.batch import COUNT_NAMES, BatchState
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.storage.dialects.dialect import Dialect, Kind
from outdial_server.storage.encoding import json_text, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import finish_if_done
from outdial_server.storage.verbs.log import NewEvent, write_events

COUNT_OF_STATE: Final[Mapping[ScheduledCallState, str]] = {
    state: state.name.lower() for state in ScheduledCallState
}


@dataclass(slots=True)
class BatchMoves:
    """What happens to the batches of a group: counts by name, and events in order."""

    counts: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    events: defaultdict[int, list[NewEvent]] = field(default_factory=lambda: defaultdict(list))

    def move(self, batch: int, before: ScheduledCallState, after: ScheduledCallState) -> None:
        counts = self.counts[batch]
        counts[COUNT_OF_STATE[before]] -= 1
        counts[COUNT_OF_STATE[after]] += 1

    def count(self, batch: int, name: str, delta: int) -> None:
        self.counts[batch][name] += delta

    def record(self, batch: int, event: NewEvent) -> None:
        self.events[batch].append(event)


def apply_moves(tx: Tx, moves: BatchMoves, *, only_running: bool = False) -> set[int]:
    """Moves counts and hands out event numbers for all batches touched, then writes the
    events. With `only_running` a batch that may not be dialled any more is left as it is;
    returns the batches that were changed. This is the last lock of a transaction."""
    batches = sorted({*moves.counts, *moves.events})
    if not batches:
        return set()
    if tx.dialect.locks_rows:
        tx.all(
            _LOCK.format(
                rows=tx.dialect.rows("rows", (("key", Kind.INT),)), lock=tx.dialect.for_update("b")
            ),
            rows=json_text([[key] for key in batches]),
        )
    changed = _update(tx, moves, batches, only_running)
    for row in changed:
        write_events(tx, row.key, row.event_seq, moves.events.get(row.key, []))
        if moves.events.get(row.key):
            tx.touched.add(BatchId(unpack_id(row.id)))
    return {row.key for row in changed}


_LOCK: Final = (
    "SELECT b.key FROM batches b WHERE b.key IN (SELECT r.key FROM {rows} AS r) "
    "ORDER BY b.key {lock}"
)


def _update(tx: Tx, moves: BatchMoves, batches: list[int], only_running: bool) -> list[Row]:
    rows = [
        [key, len(moves.events.get(key, ())), *(moves.counts[key][name] for name in COUNT_NAMES)]
        for key in batches
    ]
    parameters = {"now": tx.now_us} if only_running else {}
    return list(tx.all(_update_sql(tx.dialect, only_running), rows=json_text(rows), **parameters))


def _update_sql(dialect: Dialect, only_running: bool) -> str:
    columns = [("key", Kind.INT), ("n", Kind.INT)]
    columns += [(f"d_{name}", Kind.INT) for name in COUNT_NAMES]
    counts = ", ".join(f"{name} = {name} + r.d_{name}" for name in COUNT_NAMES)
    running = (
        f"AND state = {int(BatchState.RUNNING)} "
        "AND (window_end_us IS NULL OR window_end_us > :now) "
        if only_running
        else ""
    )
    return (
        f"UPDATE batches SET event_seq = event_seq + r.n, {counts} "
        f"FROM {dialect.rows('rows', columns)} AS r "
        f"WHERE batches.key = r.key {running}RETURNING batches.key, batches.id, event_seq"
    )


def finish_done(tx: Tx, batches: set[int]) -> None:
    """Ends those batches that have nothing unfinished left."""
    if not batches:
        return
    done = tx.all(
        f"SELECT b.key FROM batches b JOIN {tx.dialect.rows('rows', (('key', Kind.INT),))} AS r "
        "ON b.key = r.key WHERE b.waiting + b.dialing + b.in_progress = 0 "
        "AND b.ended_us IS NULL",
        rows=json_text([[key] for key in sorted(batches)]),
    )
    for row in done:
        finish_if_done(tx, row.key)
