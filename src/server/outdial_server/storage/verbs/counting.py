"""Counts and event numbers of batches, moved for a whole group in one statement."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from outdial_server.domain.batch import COUNT_NAMES, BatchState
from outdial_server.domain.daily_cap import dialled_on
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.time_zones import local_day
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
    dials: Counter[int] = field(default_factory=Counter)

    def move(
        self, batch: int, before: ScheduledCallState, after: ScheduledCallState, rows: int = 1
    ) -> None:
        counts = self.counts[batch]
        counts[COUNT_OF_STATE[before]] -= rows
        counts[COUNT_OF_STATE[after]] += rows

    def count(self, batch: int, name: str, delta: int) -> None:
        self.counts[batch][name] += delta

    def count_dials(self, batch: int, delta: int) -> None:
        """Of a batch with a daily cap, today."""
        self.dials[batch] += delta

    def record(self, batch: int, event: NewEvent) -> None:
        self.events[batch].append(event)


class Moved(NamedTuple):
    """Batches by key: those that were changed, and those of them with nothing left to do."""

    changed: frozenset[int] = frozenset()
    done: tuple[int, ...] = ()


def apply_moves(tx: Tx, moves: BatchMoves, *, revisions: Mapping[int, int] | None = None) -> Moved:
    """Moves counts and hands out event numbers for all batches touched, then writes the
    events. With `revisions` a batch that may not be dialled any more, or whose settings are
    of another revision by now, is left as it is. This is the last lock of a transaction."""
    batches = sorted({*moves.counts, *moves.events})
    if not batches:
        return Moved()
    if tx.dialect.locks_rows and len(batches) > 1:
        tx.all(_lock_sql(tx.dialect), rows=json_text([[key] for key in batches]))
    updated = _update(tx, moves, batches, revisions)
    _count_dials(tx, {row.key: moves.dials[row.key] for row in updated if moves.dials[row.key]})
    for row in updated:
        events = moves.events.get(row.key)
        if events:
            write_events(tx, row.key, row.event_seq, events)
            tx.touched.add(BatchId(unpack_id(row.id)))
    done = tuple(row.key for row in updated if not row.unfinished and row.ended_us is None)
    return Moved(frozenset(row.key for row in updated), done)


def _count_dials(tx: Tx, dials: Mapping[int, int]) -> None:
    """Only batches with a daily cap have any, and their rows are locked by now."""
    if not dials:
        return
    rows = tx.all(
        "SELECT b.key, b.time_zone, b.dial_day, b.dials_on_day FROM batches b "
        f"WHERE b.key IN (SELECT r.key FROM {tx.dialect.rows('rows', (('key', Kind.INT),))} AS r)",
        rows=json_text([[key] for key in dials]),
    )
    for row in rows:
        today = local_day(row.time_zone, tx.now).toordinal()
        before = dialled_on(today, row.dial_day, row.dials_on_day)
        tx.run(
            "UPDATE batches SET dial_day = :day, dials_on_day = :dials WHERE key = :key",
            day=today,
            dials=max(0, before + dials[row.key]),
            key=row.key,
        )


@lru_cache(maxsize=8)
def _lock_sql(dialect: Dialect) -> str:
    """In one order; one UPDATE of several rows would take them in any."""
    keys = dialect.rows("rows", (("key", Kind.INT),))
    return (
        f"SELECT b.key FROM batches b WHERE b.key IN (SELECT r.key FROM {keys} AS r) "
        f"ORDER BY b.key {dialect.for_update('b')}"
    )


def _update(
    tx: Tx, moves: BatchMoves, batches: list[int], revisions: Mapping[int, int] | None
) -> list[Row]:
    rows = [
        [key, len(moves.events.get(key, ())), *(moves.counts[key][name] for name in COUNT_NAMES)]
        for key in batches
    ]
    if revisions is not None:
        rows = [[*row, revisions[key]] for key, row in zip(batches, rows, strict=True)]
    sql = _update_sql(tx.dialect, guarded=revisions is not None)
    return list(tx.all(sql, rows=json_text(rows), now=tx.now_us))


@lru_cache(maxsize=8)
def _update_sql(dialect: Dialect, *, guarded: bool) -> str:
    columns = [("key", Kind.INT), ("n", Kind.INT)]
    columns += [(f"d_{name}", Kind.INT) for name in COUNT_NAMES]
    counts = ", ".join(f"{name} = {name} + r.d_{name}" for name in COUNT_NAMES)
    columns += [("revision", Kind.INT)] if guarded else []
    as_claimed = (
        f"AND state = {int(BatchState.RUNNING)} "
        "AND (window_end_us IS NULL OR window_end_us > :now) "
        "AND (SELECT g.active FROM agents g WHERE g.key = batches.agent_key) = 1 "
        "AND batches.revision = r.revision "
        if guarded
        else ""
    )
    return (
        f"UPDATE batches SET event_seq = event_seq + r.n, {counts}, dispatch_ended_us = CASE "
        "WHEN undispatched + r.d_undispatched > 0 THEN NULL "
        "ELSE coalesce(dispatch_ended_us, :now) END "
        f"FROM {dialect.rows('rows', columns)} AS r "
        f"WHERE batches.key = r.key {as_claimed}RETURNING batches.key, batches.id, event_seq, "
        "waiting + dialing + in_progress AS unfinished, ended_us"
    )


def finish_done(tx: Tx, moved: Moved) -> None:
    """Ends the batches that have nothing unfinished left."""
    for key in moved.done:
        finish_if_done(tx, key)
