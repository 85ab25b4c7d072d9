"""Rows that wait, looked at in the order of their index and counted up to a bound."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from outdial_server.domain.explanation import Count
from outdial_server.storage.encoding import moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.due_rows import RANKS_MOST, first_of_rank, later_in_rank
from outdial_server.storage.verbs.held_rows import ready_us
from outdial_server.storage.verbs.runnable import Runnable

COUNTED_MOST: Final = 10_000
"""Entries of an index, about a millisecond of a reader."""


def read_waiting(tx: Tx, r: Runnable) -> tuple[Count, Count, datetime | None]:
    """How many rows are due, how many are put off, and until when at the earliest."""
    due, put_off = _Counter(tx, r), _Counter(tx, r)
    later: list[int] = []
    for rank in _ranks(tx, r):
        due.add("rank = :rank AND due_us <= :now", rank=rank, now=tx.now_us)
        put_off.add("rank = :rank AND due_us > :now", rank=rank, now=tx.now_us)
        next_us = later_in_rank(tx, r, rank)
        later += [] if next_us is None else [next_us]
    return due.count, put_off.count, moment(min(later)) if later else None


def count_ahead(tx: Tx, r: Runnable, row: Row) -> Count:
    """How many rows come before this one at the moment at which it is due."""
    counter = _Counter(tx, r)
    due_us = ready_us(row)
    horizon = max(tx.now_us, due_us)
    for rank in _ranks(tx, r):
        if rank < row.rank:
            counter.add("rank = :rank AND due_us <= :horizon", rank=rank, horizon=horizon)
    same = "rank = :rank AND (due_us < :due OR (due_us = :due AND position < :position))"
    counter.add(same, rank=row.rank, due=due_us, position=row.position)
    return counter.count


def read_queue(tx: Tx, r: Runnable, columns: str, table: str, most: int) -> list[Row]:
    """The first rows that wait, due or not. `table` has `scheduled_calls s` in it."""
    rows: list[Row] = []
    for rank in _ranks(tx, r):
        if len(rows) >= most:
            break
        rows += tx.all(
            f"SELECT {columns} FROM {table} WHERE s.batch_key = :batch "
            "AND s.rank = :rank AND s.due_us IS NOT NULL AND s.position < :end "
            "ORDER BY s.due_us, s.position LIMIT :limit",
            batch=r.key,
            rank=rank,
            end=r.next_position,
            limit=most - len(rows),
        )
    return rows


def _ranks(tx: Tx, r: Runnable) -> Iterator[int]:
    first = first_of_rank(tx, r, None)
    for _ in range(RANKS_MOST):
        if first is None:
            return
        yield first.rank
        first = first_of_rank(tx, r, first.rank)


class _Counter:
    """Stops at the bound, over all that is added."""

    def __init__(self, tx: Tx, r: Runnable) -> None:
        self._tx = tx
        self._r = r
        self._found = 0

    @property
    def count(self) -> Count:
        return Count(min(self._found, COUNTED_MOST), self._found > COUNTED_MOST)

    def add(self, where: str, **parameters: Any) -> None:
        room = COUNTED_MOST + 1 - self._found
        if room > 0:
            self._found += self._tx.scalar(
                "SELECT COUNT(*) FROM (SELECT 1 FROM scheduled_calls WHERE batch_key = :batch "
                f"AND due_us IS NOT NULL AND position < :end AND {where} LIMIT :room) AS counted",
                batch=self._r.key,
                end=self._r.next_position,
                room=room,
                **parameters,
            )
