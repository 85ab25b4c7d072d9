"""The time of a run: what is still to happen, and when somebody decides again."""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Final

from outdial_server.domain.forecast.dialling import Ending
from outdial_server.domain.forecast.grain import Grain
from outdial_server.domain.forecast.virtual_batch import VirtualBatch
from outdial_server.domain.forecast.virtual_clock import VirtualClock
from outdial_server.domain.gates import clock_gates

_PACED_DECISIONS: Final = 16
_SLOWER_MOST: Final = 12
_ROUNDS_MORE: Final = 4
"""Decisions that a run may take, as a multiple of those that were foreseen."""

_GAPS_LEFT: Final = 16
"""Towards the end of a list decisions come closer together: so many more until the end."""


@dataclass(slots=True)
class Agenda:
    clock: VirtualClock
    grain: Grain
    asked: VirtualBatch
    batches: Collection[VirtualBatch]
    now_us: int = 0
    _endings: list[tuple[int, int, int, Ending]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _wakes: dict[int, int] = field(default_factory=dict)
    _decisions: int = 0
    # Decisions are apart by the grain's gap, doubled so often; and calls made by then.
    _slower: int = 0
    _made: int = 0

    @property
    def now(self) -> datetime:
        return self.clock.moment(self.now_us)

    def expect(self, b: VirtualBatch, ending: Ending) -> None:
        heappush(self._endings, (ending.at_us, next(self._numbers), b.key, ending))

    def take_due(self) -> Iterator[tuple[int, Ending]]:
        """What has ended by now, with the key of its batch."""
        while self._endings and self._endings[0][0] <= self.now_us:
            _, _, key, ending = heappop(self._endings)
            yield key, ending

    def wake(self, b: VirtualBatch, at_us: int) -> None:
        """The batch is to be asked then, whatever happens before."""
        self._wakes[b.key] = at_us

    def let_sleep(self, b: VirtualBatch) -> None:
        self._wakes.pop(b.key, None)

    def next_us(self) -> int | None:
        """When something happens that a decision could depend on."""
        wakes = [us for us in self._wakes.values() if us > self.now_us]
        wakes += [b.edges_us[0] for b in self.batches if b.edges_us]
        if self._endings:
            wakes.append(self._endings[0][0])
        if not wakes:
            return None
        next_us = max(min(wakes), self.now_us + 1)
        gathered_us = self.now_us + self._gap_us()
        return next_us if next_us >= gathered_us else self._before_closing(next_us, gathered_us)

    def _before_closing(self, next_us: int, gathered_us: int) -> int:
        """When events are gathered, not beyond the last moment at which the batch is open:
        what has come due by then still goes."""
        batch = self.asked.batch

        def is_closed(at_us: int) -> bool:
            return not all(a.is_open for a in clock_gates(batch, self.clock.moment(at_us)))

        if is_closed(next_us) or not is_closed(gathered_us):
            return gathered_us
        closed = bisect_left(range(next_us, gathered_us), 1, key=lambda us: int(is_closed(us)))
        return next_us + closed - 1

    def _gap_us(self) -> int:
        gap_us, asked = self.grain.gap_us << self._slower, self.asked
        if gap_us and asked.held and asked.waiting.count:
            left_us = asked.waiting.count * asked.holds.mean_us() // asked.held
            gap_us = min(gap_us, left_us // _GAPS_LEFT)
        too_many = self._decisions // (_ROUNDS_MORE * self.grain.rounds)
        if too_many:
            # The bound on every run: from here on its time doubles with each so many.
            gap_us = max(gap_us, (self.now_us << too_many) // self.grain.rounds)
        return gap_us

    def count_decision(self) -> None:
        """Where something else than slots holds the calls back, decisions would come too
        often for so many of them: they move further apart."""
        self._decisions += 1
        if self.grain.calls == 1 or self._decisions % _PACED_DECISIONS:
            return
        made = sum(b.calls for b in self.batches)
        foreseen = self.grain.calls * _PACED_DECISIONS
        if made - self._made < foreseen // 2:
            self._slower = min(self._slower + 1, _SLOWER_MOST)
        elif made - self._made > foreseen:
            self._slower = max(0, self._slower - 1)
        self._made = made
