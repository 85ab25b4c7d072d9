"""Rows that wait for a number: the one that they are bound to has no free slot, or cannot be
used; or they show none of the account's, and have no carrier config (`WithoutConfig`, in place of
its key); or that which they name takes no more (the holder of a `domain.route.Line`, the same).
They lie apart, so that nobody looks at them before it can be, and no claim looks past them.

An entry is a hint, and the row has the last word: it is held while its `due_us` is `HELD_US`.
Whatever else becomes of a row leaves its entry to be found stale.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final, NamedTuple

from outdial_server.domain.claims import Candidate, WithoutConfig
from outdial_server.domain.gates import ANY_CALL_ENDS, CONFIGURATION
from outdial_server.domain.number_rotation import OwnNumber
from outdial_server.domain.route import Route, line_of
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.own_numbers import OwnNumbers
from outdial_server.storage.verbs.routes import Routes
from outdial_server.storage.verbs.runnable import Runnable

HELD_US: Final = micros(datetime(9999, 1, 1, tzinfo=UTC))
"""Later than any moment that a gate names. `ready_us` is since when the row has waited."""


LOOKS_MOST: Final = 16
"""How often one claim looks behind those whom a number cannot let go after all, and
`STALE_MOST` how many entries that were stale it finds: a few ms of the writer."""

STALE_MOST: Final = 500


class Line(NamedTuple):
    """Those whom a number holds for one reason; see `Entry`."""

    batch_key: int
    number_key: int
    was_usable: int


class Entry(NamedTuple):
    """Whom a number holds, in the order in which they are let go."""

    batch_key: int
    number_key: int
    # Whether the number could be used when the row was held: else it waits for that, however
    # many slots there are.
    was_usable: int
    rank: int
    ready_us: int
    position: int

    @property
    def line(self) -> Line:
        return Line(self.batch_key, self.number_key, self.was_usable)


_COLUMNS: Final = tuple((name, Kind.INT) for name in Entry._fields)
_fields: Final[Callable[[Row], tuple[int, ...]]] = attrgetter(*Entry._fields)
_NAMES: Final = ", ".join(Entry._fields)


READY_US: Final = f"CASE WHEN s.due_us = {HELD_US} THEN s.ready_us ELSE s.due_us END"
"""As `ready_us`, of `scheduled_calls s`."""


def ready_us(row: Row) -> int:
    """Since when a row has been due, held or not."""
    since: int = row.ready_us if row.due_us == HELD_US else row.due_us
    return since


class HeldRows:
    """As one claim finds them. With `only_look` nothing is changed."""

    def __init__(self, tx: Tx, numbers: OwnNumbers, routes: Routes, *, only_look: bool) -> None:
        self._tx = tx
        self._numbers = numbers
        self._routes = routes
        self._only_look = only_look
        self._waits_for = ""
        # Of rows that may be looked at again, by their keys.
        self._entries: dict[int, Entry] = {}
        # How many of a number with room may be looked at, and who cannot be dialled anyway.
        self._room: dict[Line, int] = {}
        self._passed_over: set[int] = set()
        # A reader holds up nobody.
        self._looks_left = STALE_MOST if only_look else LOOKS_MOST
        self._stale_left = STALE_MOST
        self._cut: set[int] = set()

    @property
    def waits_for(self) -> str:
        """What those that were held now wait for, as a gate says it; empty when none was."""
        return self._waits_for

    def is_cut(self, batch_key: int) -> bool:
        """Whether a number has room, and others whom it holds are to be looked at."""
        return batch_key in self._cut

    def look(self, r: Runnable, most: int) -> list[datetime]:
        """Finds those whose number may have a slot for them by now: no more than it has, or
        than `most` of each number. And when the rates of others have room again."""
        moments = []
        holding = _numbers_that_hold(self._tx, r.key)
        for why in WithoutConfig:
            if holding.pop(why, False) and self._may_have_config(r, why):
                self._let_go(Line(r.key, int(why), 0), most)
        holders = self._holders(r, holding.keys())
        for number_key, had_unusable in holding.items():
            number = holders[number_key]
            for was_usable, count in _to_let_go(number, most, had_unusable=had_unusable):
                line = Line(r.key, number_key, was_usable)
                if number is None or number.free != 0:
                    self._let_go(line, count)
                else:
                    self._find(line, count)
            if number is not None and number.opens_at is not None:
                moments.append(number.opens_at)
        return moments

    def _holders(self, r: Runnable, keys: Collection[int]) -> dict[int, OwnNumber | Route | None]:
        """What has these keys: numbers, None for one that is deleted, and routes."""
        lines = {key: line for key in keys if (line := line_of(key)) is not None}
        routes = {key: self._routes.of_line(r, line) for key, line in lines.items()}
        return {**self._numbers.numbers(r, keys - lines.keys()), **routes}

    def _may_have_config(self, r: Runnable, why: WithoutConfig) -> bool:
        """A text that has become a number lets those who have it go by itself: see
        `requeue_texts`."""
        if not r.batch.lacks_config:
            return True
        return why is WithoutConfig.BY_ITS_BATCH and self._numbers.has_pool(r)

    def _let_go(self, line: Line, most: int) -> None:
        self._room[line] = most
        self._find(line, most)

    def _find(self, line: Line, most: int) -> None:
        """The first `most` of the line, past those that are stale."""
        limit, after = most, None
        while limit > 0:
            found = _held_by(self._tx, line, after, limit)
            stale = [entry for entry, key in found if key is None]
            alive = {k: e for e, k in found if k is not None and k not in self._passed_over}
            kept = list(alive.items())[:most]
            self._entries |= kept
            if not self._only_look:
                _forget(self._tx, stale)
            most -= len(kept)
            if most == 0 or len(found) < limit:
                return
            # Where some are stale, many are.
            self._stale_left -= len(found) - len(kept)
            after, limit = found[-1][0], max(0, self._stale_left)
        self._cut.add(line.batch_key)

    def keys_of(self, batch_key: int, rank: int) -> list[int]:
        place = (batch_key, rank)
        return [k for k, e in self._entries.items() if (e.batch_key, e.rank) == place]

    def let_go(self, keys: Iterable[int]) -> None:
        """Rows that wait for no number any more, or for another."""
        if self._entries:
            entries = [self._entries.pop(key) for key in keys if key in self._entries]
            _forget(self._tx, entries)

    def pass_over(self, keys: Iterable[int]) -> bool:
        """Rows that cannot be dialled now: those behind them come up instead, where their
        number has room. Whether any did."""
        blocked = [key for key in keys if key in self._entries]
        lines = {self._entries[key].line for key in blocked} & self._room.keys()
        if self._only_look:
            self._passed_over.update(blocked)
            for key in blocked:
                del self._entries[key]
        else:
            self.let_go(blocked)
        if not lines:
            return False
        if self._looks_left == 0:
            self._cut.update(line.batch_key for line in lines)
            return False
        self._looks_left -= 1
        before = len(self._entries)
        for line in sorted(lines):
            self._find(line, self._room[line])
        return len(self._entries) > before

    def hold(self, batch_key: int, rows: Sequence[tuple[Candidate, Row]]) -> None:
        """Rows that are locked."""
        for candidate, row in rows:
            is_usable = bool(_entry(batch_key, candidate, row).was_usable)
            self._waits_for = ANY_CALL_ENDS if is_usable else self._waits_for or CONFIGURATION
        if rows and not self._only_look:
            _hold(self._tx, batch_key, rows)


def _hold(tx: Tx, batch_key: int, rows: Sequence[tuple[Candidate, Row]]) -> None:
    sql = tx.dialect.update_each(
        "scheduled_calls",
        "ready_us = coalesce(ready_us, due_us), due_us = r.held",
        "scheduled_calls.key = r.key",
        (("key", Kind.INT), ("held", Kind.INT)),
    )
    tx.update_each(sql, [(row.key, HELD_US) for _, row in rows])
    columns = (*Entry._fields, "row_key")
    names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    tx.run_many(
        f"INSERT INTO held_rows ({names}) VALUES ({places}) ON CONFLICT DO NOTHING",
        [_entry(batch_key, c, row)._asdict() | {"row_key": row.key} for c, row in rows],
    )


def _entry(batch_key: int, candidate: Candidate, row: Row) -> Entry:
    since = row.due_us if row.ready_us is None else row.ready_us
    if candidate.without_config is not None:
        why = int(candidate.without_config)
        return Entry(batch_key, why, 0, row.rank, since, row.position)
    number, route = candidate.caller_number, candidate.route
    if route is not None and (route.free == 0 or number is None or _is_of_own_config(number, row)):
        is_usable = int(route.is_usable)
        return Entry(batch_key, route.line.holder, is_usable, row.rank, since, row.position)
    assert number is not None, "of others no gate waits for an event alone"
    return Entry(batch_key, number.key, int(number.is_usable), row.rank, since, row.position)


def _is_of_own_config(number: OwnNumber, row: Row) -> bool:
    """Whether a number that cannot be used may come to be of use to this row, and to no other of
    its batch: then it does not tell when the row is to be looked at again."""
    return not number.is_usable and row.carrier_config_key is not None


def _forget(tx: Tx, entries: Sequence[Entry]) -> None:
    if entries:
        tx.run(
            f"DELETE FROM held_rows WHERE ({_NAMES}) IN "
            f"(SELECT {_NAMES} FROM {tx.dialect.rows('entries', _COLUMNS)} AS r)",
            entries=json_text([list(entry) for entry in entries]),
        )


def _numbers_that_hold(tx: Tx, batch_key: int) -> dict[int, bool]:
    """Found one by one in the index, however many rows each holds; and whether it holds any that
    came when it could not be used."""
    rows = tx.all(
        "WITH RECURSIVE holding(number_key) AS ("
        "SELECT MIN(h.number_key) FROM held_rows h WHERE h.batch_key = :batch UNION ALL "
        "SELECT (SELECT MIN(h.number_key) FROM held_rows h WHERE h.batch_key = :batch "
        "AND h.number_key > holding.number_key) FROM holding "
        "WHERE holding.number_key IS NOT NULL) "
        "SELECT number_key, EXISTS (SELECT 1 FROM held_rows h WHERE h.batch_key = :batch "
        "AND h.number_key = holding.number_key AND h.was_usable = 0) AS had_unusable "
        "FROM holding WHERE number_key IS NOT NULL",
        batch=batch_key,
    )
    return {row.number_key: bool(row.had_unusable) for row in rows}


def _to_let_go(
    number: OwnNumber | Route | None, most: int, *, had_unusable: bool
) -> Iterator[tuple[int, int]]:
    """How many of those whom a number holds may be looked at again: by whether it could be
    used when they were held. None is a number that is deleted."""
    if number is None or not number.is_usable:
        yield 1, most
    elif number.free != 0:
        yield 1, most if number.free is None else min(number.free, most)
    if had_unusable and (number is None or number.is_usable):
        yield 0, most


def _held_by(
    tx: Tx, line: Line, after: Entry | None, most: int
) -> Sequence[tuple[Entry, int | None]]:
    """The first entries, or the next, each with the key of its row; None for a stale one."""
    behind = "AND (h.rank, h.ready_us, h.position) > (:rank, :ready_us, :position) "
    parameters = {} if after is None else after._asdict()
    rows = tx.all(
        "SELECT h.batch_key, h.number_key, h.was_usable, h.rank, h.ready_us, h.position, "
        "s.key FROM held_rows h LEFT JOIN scheduled_calls s "
        "ON s.key = h.row_key AND s.due_us = :held "
        "WHERE h.batch_key = :batch_key AND h.number_key = :number_key "
        f"AND h.was_usable = :was_usable {'' if after is None else behind}"
        "ORDER BY h.rank, h.ready_us, h.position LIMIT :most",
        **(line._asdict() | parameters),
        held=HELD_US,
        most=most,
    )
    return [(Entry._make(_fields(row)), row.key) for row in rows]


def held_for(tx: Tx, batch_key: int) -> str:
    """As `HeldRows.waits_for`, of all that are held."""
    for was_usable, waits_for in ((1, ANY_CALL_ENDS), (0, CONFIGURATION)):
        found = tx.scalar(
            "SELECT 1 FROM held_rows h JOIN scheduled_calls s ON s.key = h.row_key "
            "WHERE h.batch_key = :batch AND h.was_usable = :was_usable AND s.due_us = :held "
            "LIMIT 1",
            batch=batch_key,
            was_usable=was_usable,
            held=HELD_US,
        )
        if found is not None:
            return waits_for
    return ""


def requeue_texts(tx: Tx, account: int) -> None:
    """A number is new: who is to be shown its text may be dialled with its carrier config. See
    `verbs.upkeep.settle`."""
    holding = (
        "FROM batches WHERE account_key = :account AND ended_us IS NULL AND EXISTS (SELECT 1 "
        "FROM held_rows h WHERE h.batch_key = batches.key AND h.number_key = :by_text)"
    )
    parameters = {"account": account, "by_text": int(WithoutConfig.BY_ITS_TEXT)}
    tx.all(f"SELECT key {holding} ORDER BY key {tx.dialect.for_update()}", **parameters)
    tx.run(f"UPDATE batches SET requeue_from = 0 WHERE key IN (SELECT key {holding})", **parameters)


def erase_entries(tx: Tx, batch_key: int) -> None:
    """Of a batch whose rows are gone."""
    tx.run("DELETE FROM held_rows WHERE batch_key = :batch", batch=batch_key)
