"""Who holds the slots over time: calls that last for a while, on a clock set by hand."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest

from outdial_server.domain.ids import BatchId, ThrottleId
from outdial_server.domain.sharing import FLOOR_PERCENT
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import World, ended

WINDOW_S = 10


@dataclass
class Shift:
    """Dials whatever may be dialled, for some time, and keeps who held how much."""

    world: World
    random: Random
    talk_s: float
    _ends: list[tuple[datetime, int, ClaimedCall]] = field(default_factory=list)
    _place: Iterator[int] = field(default_factory=count)
    held: Counter[BatchId] = field(default_factory=Counter)
    dialled: Counter[BatchId] = field(default_factory=Counter)
    # Slot-seconds of each batch, second by second.
    seconds: list[Counter[BatchId]] = field(default_factory=list)

    async def work(self, seconds: int) -> None:
        for _ in range(seconds):
            self.seconds.append(Counter())
            second_ends_at = self.world.later(seconds=1)
            await self.dial()
            while self._ends and self._ends[0][0] < second_ends_at:
                await self.hang_up_next()
                await self.dial()
            self._pass_until(second_ends_at)

    async def dial(self) -> list[ClaimedCall]:
        calls = await self.world.sending()
        for call in calls:
            assert call.batch_id is not None
            self.held[call.batch_id] += 1
            self.dialled[call.batch_id] += 1
            lasts = timedelta(seconds=self.random.uniform(0.5, 1.5) * self.talk_s)
            heappush(self._ends, (self.world.clock.now() + lasts, next(self._place), call))
        return calls

    async def hang_up_next(self) -> None:
        ends_at, _, call = heappop(self._ends)
        self._pass_until(ends_at)
        await self.world.apply(ended(call))
        assert call.batch_id is not None
        self.held[call.batch_id] -= 1

    def _pass_until(self, moment: datetime) -> None:
        passed = moment - self.world.clock.now()
        for batch_id, slots in self.held.items():
            self.seconds[-1][batch_id] += slots * passed.total_seconds()
        self.world.clock.advance(passed)

    def windows(self) -> Iterator[Counter[BatchId]]:
        """Slot-seconds of each batch, over any ten seconds."""
        for first in range(len(self.seconds) - WINDOW_S + 1):
            yield sum(self.seconds[first : first + WINDOW_S], Counter())


def jain(shares: Sequence[float]) -> float:
    """1 where all are equal; 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


async def begin(world: World, cap: int, talk_s: float) -> Shift:
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, max_concurrent_calls=cap)
    )
    return Shift(world, Random(cap), talk_s)


@pytest.mark.parametrize(("cap", "talk_s"), [(100, 30.0), (70, 5.0), (7, 0.35)])
async def test_equal_batches_hold_equally_much_over_any_ten_seconds(
    world: World, cap: int, talk_s: float
) -> None:
    """Also where there are fewer slots than batches."""
    shift = await begin(world, cap, talk_s)
    batches = [await world.batch(60) for _ in range(20)]
    await shift.work(25)
    for window in shift.windows():
        assert sum(window.values()) == pytest.approx(cap * WINDOW_S)
        assert jain([window[batch_id] for batch_id in batches]) > 0.98
    await check_invariants(world.store)


@pytest.mark.parametrize(("cap", "talk_s"), [(35, 4.0), (4, 0.5)])
async def test_weights_are_served_as_they_ask(world: World, cap: int, talk_s: float) -> None:
    """In calls. In slots, too, where they hold many: of a few dozen short calls the lengths,
    which are drawn, tell more than the shares."""
    shift = await begin(world, cap, talk_s)
    batches = {await world.batch(700, weight=weight): weight for weight in (1, 2, 4)}
    await shift.work(40)
    slots = sum(shift.seconds, Counter[BatchId]())
    for batch_id, weight in batches.items():
        fair = pytest.approx(weight / 7, rel=0.05)
        assert shift.dialled[batch_id] / shift.dialled.total() == fair
        assert cap < 7 or slots[batch_id] / slots.total() == fair


async def test_a_batch_alone_gets_everything(world: World) -> None:
    shift = await begin(world, 20, 3.0)
    batch_id = await world.batch(400)
    await shift.work(20)
    assert all(second[batch_id] == pytest.approx(20) for second in shift.seconds)


async def test_a_higher_priority_gets_the_next_free_slots_and_the_floor_keeps_the_others_moving(
    world: World,
) -> None:
    cap = 40
    shift = await begin(world, cap, 2.0)
    low = [await world.batch(300, priority=0) for _ in range(2)]
    await shift.work(3)
    high = await world.batch(900, priority=5)
    floor = cap * FLOOR_PERCENT // 100
    while shift.held[high] < cap - floor:
        await shift.hang_up_next()
        (next_one,) = await shift.dial()
        assert next_one.batch_id == high
    before = Counter(shift.dialled)
    await shift.work(20)
    for second in shift.seconds[-20:]:
        assert second[high] == pytest.approx(cap - floor)
        assert sum(second[batch_id] for batch_id in low) == pytest.approx(floor)
    one, other = (shift.dialled[batch_id] - before[batch_id] for batch_id in low)
    assert abs(one - other) <= 2
    assert min(one, other) > 5


@pytest.mark.parametrize("weights", [(1, 1, 1, 1, 1), (1, 2, 4)])
async def test_calls_that_are_over_before_the_next_may_go_are_shared_by_turns(
    world: World, weights: tuple[int, ...]
) -> None:
    """With a call a second nobody holds a slot when the next one is given."""
    shift = await begin(world, 10, 0.2)
    await world.store.throttles.create_throttle(
        world.account_id,
        ThrottleId(world.ids.new_id()),
        ThrottleFields("slow", (ThrottleRule(1, timedelta(seconds=1)),)),
    )
    batches = {await world.batch(100, throttle="slow", weight=w): w for w in weights}
    await shift.work(70)
    assert shift.dialled.total() == 70
    for batch_id, weight in batches.items():
        assert abs(shift.dialled[batch_id] - 70 * weight / sum(weights)) <= 2


async def test_a_batch_that_comes_late_is_not_given_at_once_what_it_missed(world: World) -> None:
    shift = await begin(world, 1, 0.1)
    first = await world.batch(200)
    second = await world.batch(200)
    await shift.work(5)
    late = await world.batch(200)
    before = Counter(shift.dialled)
    await shift.work(3)
    since = {batch_id: shift.dialled[batch_id] - before[batch_id] for batch_id in (first, second)}
    assert all(abs(shift.dialled[late] - calls) <= 2 for calls in since.values())
