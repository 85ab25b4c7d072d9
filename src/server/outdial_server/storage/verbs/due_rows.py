"""Rows of a batch that are due and that no gate blocks, in the order of the index."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.claims import (
    Candidate,
    ClaimPlan,
    RowGate,
    WithoutConfig,
    plan_claims,
    row_gates,
)
from outdial_server.domain.medium import Medium
from outdial_server.domain.number_rotation import CallerId
from outdial_server.domain.number_rules import UNCALLED, NumberUse
from outdial_server.domain.route import Route
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.held_rows import HELD_US, HeldRows, ready_us
from outdial_server.storage.verbs.number_log import read_uses
from outdial_server.storage.verbs.own_numbers import CALLER_ID_COLUMNS, OwnNumbers
from outdial_server.storage.verbs.routes import Routes
from outdial_server.storage.verbs.runnable import Runnable
from outdial_server.storage.verbs.skipping import Skips
from outdial_server.storage.verbs.suppressed import find_suppressed

RANKS_MOST: Final = 32
"""Priorities 0 to 9, each fresh and tried, and room to spare."""

PUT_OFF_MOST: Final = 500
"""Blocked rows that are put off or skipped in one transaction, less what the last group goes
over it: about 5 ms of the writer."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of a batch that may be dialled now, as far as was read, and when the next one is
    due."""

    due: tuple[Row, ...] = ()
    next_due_at: datetime | None = None
    # What each of them is to show.
    caller_ids: tuple[CallerId, ...] = ()
    # The number that the batch has chosen last, if it has chosen now.
    last_number_key: int | None = None
    # Another claim may take more at once.
    more: bool = False


class DueRows:
    """What one claim looks at, in `batches` batches. A list whose rows are all blocked is
    long: they are put off or skipped group by group, and `cut` tells that there may be more
    behind the last group. Each look has its own part of `PUT_OFF_MOST`, so that the blocked
    rows of one batch hold up nobody of another; `put_off_more` uses what is left of it.

    With `only_look` blocked rows are passed over instead, for a reader that asks what a
    claim would take."""

    def __init__(
        self,
        tx: Tx,
        numbers: OwnNumbers,
        routes: Routes,
        batches: int = 1,
        *,
        only_look: bool = False,
    ) -> None:
        self._tx = tx
        self._numbers = numbers
        self._left = PUT_OFF_MOST
        self._part = max(1, PUT_OFF_MOST // max(1, batches))
        # Of the look that is under way.
        self._room = self._part
        self._cut: dict[int, Runnable] = {}
        self._only_look = only_look
        # By batch, then row: until when; None for good, or until a call ends.
        self._passed_over: dict[int, dict[int, datetime | None]] = {}
        self._awaits_calls = False
        self._skips = Skips(tx)
        self._routes = routes
        self._held = HeldRows(tx, numbers, routes, only_look=only_look)

    @property
    def cut(self) -> bool:
        return bool(self._cut)

    @property
    def awaits_calls(self) -> bool:
        """Of the rows passed over some may be dialled as soon as a call ends."""
        return self._awaits_calls

    @property
    def held_for(self) -> str:
        """What those looked at wait for that are held; empty when none is."""
        return self._held.waits_for

    def record_skips(self) -> None:
        """To be called last: it locks batch rows."""
        self._skips.record()

    def look(self, r: Runnable, most: int) -> Waiting:
        """The rows that are next, at most `most`, rank by rank in the index's order."""
        if most <= 0:
            return Waiting()
        self._room = self._part
        rates = self._held.look(r, most) if r.holds_rows else ()
        # By now each row that is read may be another blocked one.
        found = self._look(r, most if self._left > 0 else min(most, self._part))
        if self._room <= 0:
            self._cut[r.key] = r
        moments = [*rates, *([] if found.next_due_at is None else [found.next_due_at])]
        return replace(found, next_due_at=min(moments, default=None))

    def put_off_more(self) -> None:
        """Of the batches whose looks were cut short: whoever is open there waits for the next
        claim."""
        for r in self._cut.values():
            self._room = self._left
            if self._room > 0:
                self._look(r, 1)

    def _look(self, r: Runnable, most: int) -> Waiting:
        gates = row_gates(r.batch, r.rules)
        due: list[Row] = []
        next_due: list[int] = []
        first = first_of_rank(self._tx, r, None)
        for _ in range(RANKS_MOST):
            if first is None or len(due) >= most or self._room <= 0:
                break
            if first.due_us <= self._tx.now_us or self._held.keys_of(r.key, first.rank):
                due += self._open_in_rank(r, first.rank, gates, most - len(due))
                later = later_in_rank(self._tx, r, first.rank) if len(due) < most else None
            else:
                later = first.due_us if first.due_us < HELD_US else None
            if later is not None:
                next_due.append(later)
            first = first_of_rank(self._tx, r, first.rank)
        passed_over = self._passed_over.get(r.key, {}).values()
        moments = [*map(moment, next_due), *(m for m in passed_over if m is not None)]
        more = self._held.is_cut(r.key)
        return Waiting(tuple(due), min(moments, default=None), more=more)

    def taken(self, rows: Sequence[Row]) -> None:
        """These are claimed."""
        self._held.let_go(row.key for row in rows)

    def _open_in_rank(
        self, r: Runnable, rank: int, gates: Sequence[RowGate], most: int
    ) -> list[Row]:
        """Blocked rows are put off, so that those behind them come up instead."""
        limit = most
        while True:
            rows = self._due_in_rank(r, rank, limit)
            by_key = {row.key: row for row in rows}
            candidates = read_candidates(self._tx, r, rows, self._numbers, self._routes)
            plan = plan_claims(candidates, most, gates, self._tx.now)
            blocked, let_go = self._set_aside(r, plan, by_key)
            claimed = [by_key[candidate.key] for candidate in plan.claimed]
            is_all = len(rows) < limit and not let_go
            if len(claimed) == most or not blocked or is_all or self._room <= 0:
                return claimed
            # Where some are blocked, many are.
            limit = max(most, self._room)

    def _due_in_rank(self, r: Runnable, rank: int, limit: int) -> Sequence[Row]:
        passed_over = self._passed_over.get(r.key, {})
        rows = _due_in_rank(self._tx, r, rank, limit + len(passed_over))
        let_go = self._held.keys_of(r.key, rank) if r.holds_rows else ()
        if let_go:
            both = [*rows, *_of_keys(self._tx, let_go)]
            rows = sorted(both, key=lambda row: (ready_us(row), row.position))
        elif not passed_over:
            return rows
        return [row for row in rows if row.key not in passed_over][:limit]

    def _set_aside(
        self, r: Runnable, plan: ClaimPlan, by_key: Mapping[int, Row]
    ) -> tuple[int, bool]:
        """How many rows a gate blocks, and whether others are let go for them."""
        blocked = len(plan.deferred) + len(plan.skipped) + len(plan.held)
        self._room -= blocked
        self._left -= blocked
        if not blocked:
            return 0, False
        moments: dict[int, datetime | None] = {one.key: until for one, until in plan.deferred}
        moments |= dict.fromkeys(plan.unsure)
        moments |= {one.key: None for one in (*(one for one, _ in plan.skipped), *plan.held)}
        if self._only_look:
            self._passed_over.setdefault(r.key, {}).update(moments)
            self._awaits_calls |= bool(plan.unsure)
        else:
            _put_off(self._tx, plan.deferred)
            self._skips.end(r.key, plan.skipped)
        let_go = self._held.pass_over(moments)
        self._held.hold(r.key, [(one, by_key[one.key]) for one in plan.held])
        return blocked, let_go


CANDIDATE_COLUMNS: Final = (
    "s.key, s.address, s.normalized_address, s.time_zone, s.number_zone, "
    f"s.retry_attempt, s.due_us, s.ready_us, s.medium, {CALLER_ID_COLUMNS}"
)
CANDIDATES: Final = "scheduled_calls s LEFT JOIN calls c ON c.key = s.call_key"


def read_candidates(
    tx: Tx, r: Runnable, rows: Sequence[Row], numbers: OwnNumbers, routes: Routes
) -> list[Candidate]:
    """All that row gates judge by, of rows of one batch with `CANDIDATE_COLUMNS` of
    `CANDIDATES`: the one place for it, for claims and explanations alike."""
    suppressed: frozenset[str] = frozenset()
    if r.rules.has_suppressions:
        suppressed = find_suppressed(tx, r.account_key, {_normal_form(row) for row in rows})
    uses: Mapping[str, NumberUse] = {}
    if r.rules.numbers is not None:
        uses = read_uses(tx, r.account_key, r.rules.numbers, {_normal_form(row) for row in rows})
    shown: Sequence[CallerId | None] = [None] * len(rows)
    if r.holds_rows:
        shown = numbers.caller_ids(r, rows)
    ways: Sequence[Route | None] = [None] * len(rows)
    if r.is_mixed:
        ways = routes.of_rows(r, rows, shown)
    has_default = not r.batch.lacks_config or numbers.has_pool(r)
    return [
        _candidate(r.batch, row, suppressed, uses, one, route, has_default=has_default)
        for row, one, route in zip(rows, shown, ways, strict=True)
    ]


def _candidate(
    batch: Batch,
    row: Row,
    suppressed: frozenset[str],
    uses: Mapping[str, NumberUse],
    shown: CallerId | None,
    route: Route | None,
    *,
    has_default: bool,
) -> Candidate:
    """`shown` is what the row is bound to; `has_default`: where it is bound to nothing, its batch
    has something to show that it can be dialled with."""
    address = _normal_form(row)
    return Candidate(
        row.key,
        moment(ready_us(row)),
        row.attempts,
        address,
        zone_of(batch, row),
        address in suppressed,
        row.retry_attempt == row.attempts + 1,
        uses.get(address, UNCALLED),
        None if shown is None else shown.number,
        _without_config(batch, row, shown, has_default=has_default),
        route,
    )


def _without_config(
    batch: Batch, row: Row, shown: CallerId | None, *, has_default: bool
) -> WithoutConfig | None:
    """A number tells itself whether it has one."""
    if not batch.lacks_config or row.medium == Medium.WEBHOOK or row.carrier_config_key:
        return None
    if shown is None:
        return None if has_default else WithoutConfig.BY_ITS_BATCH
    return WithoutConfig.BY_ITS_TEXT if shown.number is None else None


def _normal_form(row: Row) -> str:
    address: str = row.normalized_address or row.address
    return address


def zone_of(batch: Batch, row: Row) -> str:
    zone: str = row.time_zone or row.number_zone or batch.settings.time_zone
    return zone


def first_of_rank(tx: Tx, r: Runnable, after: int | None) -> Row | None:
    """`rank` and `due_us` of whoever is due first in the next rank: of a batch that waits for
    later it is all that is read."""
    behind = "AND rank > :after " if after is not None else ""
    parameters = {} if after is None else {"after": after}
    return tx.one_or_none(
        "SELECT rank, due_us FROM scheduled_calls WHERE batch_key = :batch "
        f"AND due_us IS NOT NULL {behind}AND position < :end "
        "ORDER BY batch_key, rank, due_us LIMIT 1",
        batch=r.key,
        end=r.next_position,
        **parameters,
    )


_CLAIMABLE: Final = (
    f"SELECT {CANDIDATE_COLUMNS}, s.rank, s.position, s.context_json, s.metadata_json, "
    "s.ring_timeout_s, s.max_duration_s, s.carrier_params_json, c.key AS call_key, "
    "c.id AS call_id, c.state AS call_state, c.fence "
    f"FROM {CANDIDATES} WHERE "
)


def _due_in_rank(tx: Tx, r: Runnable, rank: int, limit: int) -> Sequence[Row]:
    return tx.all(
        f"{_CLAIMABLE} s.batch_key = :batch AND s.rank = :rank AND s.due_us <= :now "
        f"AND s.position < :end ORDER BY s.due_us, s.position LIMIT :limit "
        f"{tx.dialect.skip_locked('s')}",
        batch=r.key,
        rank=rank,
        now=tx.now_us,
        end=r.next_position,
        limit=limit,
    )


def _of_keys(tx: Tx, keys: Collection[int]) -> Sequence[Row]:
    """Rows that are held."""
    rows = tx.dialect.rows("rows", (("key", Kind.INT),))
    return tx.all(
        f"{_CLAIMABLE} s.key IN (SELECT r.key FROM {rows} AS r) AND s.due_us = :held "
        f"{tx.dialect.skip_locked('s')}",
        rows=json_text([[key] for key in keys]),
        held=HELD_US,
    )


def later_in_rank(tx: Tx, r: Runnable, rank: int) -> int | None:
    found: int | None = tx.scalar(
        "SELECT due_us FROM scheduled_calls WHERE batch_key = :batch AND rank = :rank "
        "AND due_us > :now AND due_us < :held AND position < :end ORDER BY due_us LIMIT 1",
        batch=r.key,
        rank=rank,
        now=tx.now_us,
        held=HELD_US,
        end=r.next_position,
    )
    return found


_PUT_OFF_COLUMNS: Final = (("key", Kind.INT), ("until", Kind.INT))


def _put_off(tx: Tx, deferred: Sequence[tuple[Candidate, datetime]]) -> None:
    sql = tx.dialect.update_each(
        "scheduled_calls",
        "ready_us = coalesce(ready_us, due_us), due_us = r.until",
        "scheduled_calls.key = r.key AND scheduled_calls.due_us IS NOT NULL",
        _PUT_OFF_COLUMNS,
    )
    tx.update_each(sql, [(candidate.key, micros(until)) for candidate, until in deferred])
