"""Slots under the clock of a forecast."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from outdial_server.domain.forecast.question import DialledBatch
from outdial_server.domain.number_rotation import (
    NumberPool,
    OwnNumber,
    free_together,
    joined_pools,
)
from outdial_server.domain.sharing import SharedLimit
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope

_OF_ALL: Final = (ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_BATCHES)


class _Scope:
    """A row that changes; `row` is made anew only when somebody looks."""

    __slots__ = ("_is_stale", "_row", "_used", "keys")

    def __init__(self, row: SlotRow) -> None:
        self._row = row
        self._used = row.used
        self._is_stale = False
        # Of the batches whose calls count in it.
        self.keys: list[int] = []

    @property
    def row(self) -> SlotRow:
        if self._is_stale:
            # By hand: `replace` takes three times as long, and half of the time went there.
            row = self._row
            self._row = SlotRow(
                row.scope, row.target_cap, row.hard_cap, self._used, row.opens_at, row.opens_mark
            )
            self._is_stale = False
        return self._row

    def move(self, count: int) -> None:
        self._used = max(0, self._used + count)
        self._is_stale = True

    def plan(self, opens_at: datetime | None, mark: int) -> None:
        self._row = replace(self.row, opens_at=opens_at, opens_mark=mark)


class Ledger:
    """The rows of all scopes that the batches count in. What is in use beside them, as by
    direct calls, stays in use."""

    def __init__(self, batches: Sequence[DialledBatch]) -> None:
        self._scopes: dict[SlotScope, _Scope] = {}
        for b in batches:
            for row in b.facts.slots:
                self._scopes.setdefault(row.scope, _Scope(row)).keys.append(b.key)
        self._of_batch = {
            b.key: [self._scopes[row.scope] for row in b.facts.slots] for b in batches
        }
        self._pools = self._join_pools(batches)
        self._of_all = [s for key, s in self._scopes.items() if key.kind in _OF_ALL]
        self._shared = [
            scope
            for key, scope in self._scopes.items()
            if len(scope.keys) > 1 and key.kind not in _OF_ALL and scope.row.target_cap is not None
        ]

    def rows(self, key: int) -> Sequence[SlotRow]:
        """Of a batch's scopes, in their order."""
        return [scope.row for scope in self._of_batch[key]]

    def pool(self, key: int) -> NumberPool | None:
        """The numbers of a batch as one; None where they are as they were found."""
        scope = self._pools.get(key)
        if scope is None:
            return None
        return NumberPool((OwnNumber(key, "", is_usable=True, slot=scope.row),))

    def move(self, key: int, count: int) -> None:
        """A batch takes slots; with a negative count it gives them back."""
        for scope in self._of_batch[key]:
            scope.move(count)
        if key in self._pools:
            self._pools[key].move(count)

    def plan_next(self, key: int, opens_at: datetime | None, mark: int) -> None:
        """See `SlotRow.opens_at`."""
        self._scopes[SlotScope(ScopeKind.BATCH, key)].plan(opens_at, mark)

    def free(self, most: int) -> int:
        """What all batches share."""
        left = (scope.row.free for scope in self._of_all)
        return min([most, *(n for n in left if n is not None)])

    def _join_pools(self, batches: Sequence[DialledBatch]) -> dict[int, _Scope]:
        """Numbers that batches choose from, those with some in common as one: which of them a
        call shows is not told apart, and the rates of their carrier configs are left out. Where
        there is no limit, or no number that can be used, nothing moves."""
        pools = [(b.key, b.facts.numbers) for b in batches if b.facts.numbers is not None]
        joined: dict[int, _Scope] = {}
        for place, (keys, numbers) in enumerate(joined_pools(pools)):
            usable = [number.without_rate for number in numbers if number.is_usable]
            free = free_together(usable)
            if not usable or free is None:
                continue
            used = sum(number.used for number in usable)
            scope_of_all = SlotScope(ScopeKind.PHONE_NUMBER, -1 - place)
            scope = _Scope(SlotRow(scope_of_all, free + used, free + used, used))
            scope.keys += keys
            self._scopes[scope_of_all] = scope
            joined |= dict.fromkeys(keys, scope)
        return joined

    def limits(self, keys: Iterable[int]) -> list[SharedLimit]:
        """Scopes with a cap that some of these batches share."""
        asked = set(keys)
        limits = []
        for scope in self._shared:
            together = [key for key in scope.keys if key in asked]
            if together:
                limits.append(SharedLimit(scope.row.free or 0, together))
        return limits
