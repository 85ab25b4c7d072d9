"""The loop around a tick: woken, timed, swept, and stopped between ticks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from outdial_server.adapters.signals import InProcessSignals
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.engine.loop import SWEEP_EVERY, Loop
from outdial_server.ports.signals import Topic
from support.clock import START, ManualClock, ManualSignals, settle
from support.virtual_time import HostClock, LoopClock, run_jumping

SECOND = timedelta(seconds=1)


class Ticks:
    """A tick that notes its moments and answers what the test says."""

    def __init__(self, answer: Callable[[datetime], datetime | None] = lambda now: None) -> None:
        self.at: list[datetime] = []
        self._answer = answer

    async def __call__(self, now: datetime) -> datetime | None:
        self.at.append(now)
        return self._answer(now)


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)

    async def start(self, tick: Callable[[datetime], Awaitable[datetime | None]]) -> Loop:
        loop = Loop("claimer", Topic.CLAIM, tick, self.clock, self.signals)
        loop.start()
        await settle()
        return loop

    async def wait(self, by: timedelta) -> None:
        self.clock.advance(by)
        await settle()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_loop_ticks_when_it_starts_and_at_each_wake(world: World) -> None:
    ticks = Ticks()
    loop = await world.start(ticks)
    assert ticks.at == [START]
    world.signals.wake(Topic.SEND)
    await settle()
    assert ticks.at == [START]
    world.signals.wake(Topic.CLAIM)
    await settle()
    assert ticks.at == [START, START]
    await loop.stop()


async def test_a_loop_ticks_at_the_moment_that_its_tick_named(world: World) -> None:
    ticks = Ticks(lambda now: now + SECOND)
    loop = await world.start(ticks)
    await world.wait(SECOND - timedelta(microseconds=1))
    assert len(ticks.at) == 1
    await world.wait(timedelta(microseconds=1))
    assert ticks.at == [START, START + SECOND]
    await loop.stop()


def test_a_clock_that_is_set_back_in_a_tick_puts_off_no_sweep() -> None:
    async def ticks_at() -> list[float]:
        running = asyncio.get_running_loop()
        clock = HostClock(LoopClock(running))
        at: list[float] = []

        async def tick(now: datetime) -> None:
            at.append(running.time())
            clock.offset = -timedelta(hours=1)

        loop = Loop("claimer", Topic.CLAIM, tick, clock, InProcessSignals(clock))
        loop.start()
        await asyncio.sleep(SWEEP_EVERY.total_seconds() + 1)
        await loop.stop()
        return at

    assert run_jumping(ticks_at())[:2] == [0, SWEEP_EVERY.total_seconds()]


@pytest.mark.parametrize("named", [None, timedelta(hours=1)])
async def test_a_lost_signal_is_made_up_for_by_the_sweep(
    world: World, named: timedelta | None
) -> None:
    ticks = Ticks(lambda now: now + named if named else None)
    loop = await world.start(ticks)
    await world.wait(SWEEP_EVERY)
    assert ticks.at == [START, START + SWEEP_EVERY]
    await loop.stop()


async def test_a_wake_during_a_tick_brings_another(world: World) -> None:
    def wake_once(now: datetime) -> None:
        if len(ticks.at) == 1:
            world.signals.wake(Topic.CLAIM)

    ticks = Ticks(wake_once)
    loop = await world.start(ticks)
    assert len(ticks.at) == 2
    await loop.stop()


@pytest.mark.parametrize(
    "failure",
    [UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away"), KeyError("a bug")],
)
async def test_a_tick_that_fails_is_tried_again_soon(world: World, failure: Exception) -> None:
    def fail_once(now: datetime) -> None:
        if len(ticks.at) == 1:
            raise failure

    ticks = Ticks(fail_once)
    loop = await world.start(ticks)
    await world.wait(SECOND)
    assert ticks.at == [START, START + SECOND]
    await world.wait(SWEEP_EVERY)
    assert len(ticks.at) == 3
    await loop.stop()


async def test_a_loop_that_is_held_does_not_tick_until_it_is_woken_free(world: World) -> None:
    ticks, held = Ticks(), True
    loop = Loop("claimer", Topic.CLAIM, ticks, world.clock, world.signals, is_held=lambda: held)
    loop.start()
    await world.wait(2 * SWEEP_EVERY)
    assert ticks.at == []
    held = False
    world.signals.wake(Topic.CLAIM)
    await settle()
    assert ticks.at == [START + 2 * SWEEP_EVERY]
    await loop.stop()


async def test_a_loop_that_waits_stops_at_once_and_ticks_no_more(world: World) -> None:
    ticks = Ticks()
    loop = await world.start(ticks)
    await loop.stop()
    await world.wait(timedelta(hours=1))
    assert ticks.at == [START]
    assert world.clock.next_timer_at is None


async def test_a_loop_stops_only_when_its_tick_has_ended(world: World) -> None:
    gate = asyncio.Event()
    ended: list[datetime] = []

    async def slow(now: datetime) -> None:
        await gate.wait()
        ended.append(now)

    loop = await world.start(slow)
    stopping = asyncio.create_task(loop.stop())
    await settle()
    assert not stopping.done()
    gate.set()
    await stopping
    assert ended == [START]


async def test_a_loop_that_never_started_can_be_stopped(world: World) -> None:
    await Loop("claimer", Topic.CLAIM, Ticks(), world.clock, world.signals).stop()
