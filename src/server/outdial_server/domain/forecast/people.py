"""The people of a batch who wait, held as lots of those who are alike: a list of 50,000 is a
few numbers. The gates are asked once for each lot."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from outdial_server.domain.call import Disposition
from outdial_server.domain.claims import (
    Candidate,
    ClaimPlan,
    RowGate,
    dialing_rank,
    plan_claims,
)
from outdial_server.domain.forecast.chance import Chance, split
from outdial_server.domain.number_rules import UNCALLED, NumberUse
from outdial_server.domain.time_zones import UTC_ZONE


@dataclass(frozen=True, slots=True)
class CallsOnDay:
    """How often somebody was called since a midnight of their own."""

    midnight: datetime
    calls: int


@dataclass(frozen=True, slots=True)
class Alike:
    """What people share who are dialled in the same way."""

    priority: int = 0
    # Tries that are over, and how they ended.
    attempts: int = 0
    earlier: tuple[Disposition, ...] = ()
    time_zone: str = UTC_ZONE
    suppressed: bool = False
    by_policy: bool = False
    on_day: CallsOnDay | None = None

    @property
    def rank(self) -> int:
        return dialing_rank(self.priority, self.attempts)

    def candidate(self, due_at: datetime) -> Candidate:
        """One of them, for the gates."""
        return Candidate(
            0,
            due_at,
            self.attempts,
            time_zone=self.time_zone,
            suppressed=self.suppressed,
            by_policy=self.by_policy,
            number=UNCALLED if (on := self.on_day) is None else NumberUse([on.midnight] * on.calls),
        )


@dataclass(frozen=True, slots=True)
class Lot:
    """People of a kind who are due at one moment, in microseconds from the forecast's."""

    alike: Alike
    due_us: int
    count: int


class Waiting:
    """Those of one batch."""

    def __init__(
        self,
        lots: Iterable[Lot],
        gates: Sequence[RowGate],
        moment: Callable[[int], datetime],
        micros: Callable[[datetime], int],
    ) -> None:
        self._gates = gates
        self._moment = moment
        self._micros = micros
        # By rank, in the order of their moments.
        self._due: dict[int, list[Lot]] = {}
        self._later: list[tuple[int, int, Lot]] = []
        self._numbers = 0
        self.count = 0
        self.skipped: Counter[str] = Counter()
        for lot in lots:
            self.add(lot)

    @property
    def next_due_us(self) -> int | None:
        """Of those who are not due yet."""
        return self._later[0][0] if self._later else None

    def add(self, lot: Lot) -> None:
        self.count += lot.count
        self._put_off(lot)

    def clear(self) -> int:
        """Everybody is gone; returns how many there were."""
        gone = self.count
        self._due, self._later, self.count = {}, [], 0
        return gone

    def look(self, now_us: int, most: int) -> int:
        """How many may be dialled now, counted up to `most`. Whoever a gate blocks is put off
        to the moment that it names, or skipped, as in a claim."""
        self._come_due(now_us)
        found = 0
        for rank in sorted(self._due):
            kept: list[Lot] = []
            for lot in self._due.pop(rank):
                if found >= most or self._is_open(lot, now_us):
                    found += lot.count
                    kept.append(lot)
            if kept:
                self._due[rank] = kept
            if found >= most:
                break
        return min(found, most)

    def take(self, chance: Chance, count: int) -> list[tuple[Alike, int]]:
        """The next ones, of those that a look has found open just now. People who are due at
        the same moment stand mixed in the list."""
        taken: list[tuple[Alike, int]] = []
        self.count -= count
        for rank in sorted(self._due):
            while count and rank in self._due:
                count -= self._take_first(chance, rank, count, taken)
        assert count == 0, "no more are taken than a look has found"  # noqa: S101
        return taken

    def stays_open(self, at_us: int) -> bool:
        """Whether the gates will let the first in line through at a later moment."""
        if not self._due:
            return True
        first = self._due[min(self._due)][0]
        return bool(self._plan(first, at_us).claimed)

    def _take_first(
        self, chance: Chance, rank: int, count: int, taken: list[tuple[Alike, int]]
    ) -> int:
        """From those who are due first in a rank; returns how many."""
        lots = self._due.pop(rank)
        first = [lot for lot in lots if lot.due_us == lots[0].due_us]
        counts = split(chance, count, [lot.count for lot in first])
        taken += [(lot.alike, n) for lot, n in zip(first, counts, strict=True) if n]
        left = [
            Lot(lot.alike, lot.due_us, lot.count - n)
            for lot, n in zip(first, counts, strict=True)
            if lot.count > n
        ]
        left += lots[len(first) :]
        if left:
            self._due[rank] = left
        return sum(counts)

    def _is_open(self, lot: Lot, now_us: int) -> bool:
        plan = self._plan(lot, now_us)
        for _, until in plan.deferred:
            self._put_off(Lot(lot.alike, self._micros(until), lot.count))
        for _, reason in plan.skipped:
            self.skipped[reason] += lot.count
            self.count -= lot.count
        return bool(plan.claimed)

    def _plan(self, lot: Lot, at_us: int) -> ClaimPlan:
        candidate = lot.alike.candidate(self._moment(min(lot.due_us, at_us)))
        return plan_claims([candidate], 1, self._gates, self._moment(at_us))

    def _put_off(self, lot: Lot) -> None:
        self._numbers += 1
        heappush(self._later, (lot.due_us, self._numbers, lot))

    def _come_due(self, now_us: int) -> None:
        """In the order of their moments. People who are alike join those of their kind who
        are due already: at most a few others are passed by that."""
        while self._later and self._later[0][0] <= now_us:
            _, _, lot = heappop(self._later)
            lots = self._due.setdefault(lot.alike.rank, [])
            for place, there in enumerate(lots):
                if there.alike == lot.alike:
                    lots[place] = Lot(lot.alike, there.due_us, there.count + lot.count)
                    break
            else:
                lots.append(lot)
