"""A machine whose clock is off the store's does not dial, and says so once."""

from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from outdial_server.domain.clock_offset import OFFSET_MOST
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.obstacle import Obstacle
from outdial_server.engine.clock_watch import LOOK_EVERY, ClockWatch
from outdial_server.engine.obstacles import Obstacles
from outdial_server.ports.signals import Topic
from support.clock import ManualClock, ManualSignals

TICK = timedelta(microseconds=1)


class Watching:
    """The store's clock is ahead by `offset`, and an answer takes `on_the_way` both ways."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.obstacles = Obstacles()
        self.watch = ClockWatch(self, self.clock, self.obstacles, self.signals)
        self.offset = timedelta(0)
        self.on_the_way = timedelta(0)
        self.failure: UnavailableError | None = None

    async def read(self) -> datetime:
        self.clock.advance(self.on_the_way)
        if self.failure is not None:
            raise self.failure
        told = self.clock.now() + self.offset
        self.clock.advance(self.on_the_way)
        return told

    async def is_off(self) -> bool:
        next_at = await self.watch.tick(self.clock.now())
        assert next_at == self.clock.now() + LOOK_EVERY
        return Obstacle.CLOCK in self.obstacles


@pytest.mark.parametrize("sign", [1, -1])
async def test_more_than_five_seconds_are_an_obstacle(sign: int) -> None:
    watching = Watching()
    watching.offset = sign * OFFSET_MOST
    assert not await watching.is_off()
    watching.offset += sign * TICK
    assert await watching.is_off()
    assert watching.obstacles.reason == "CLOCK_OFF"


async def test_a_slow_database_is_none() -> None:
    watching = Watching()
    watching.on_the_way = 8 * OFFSET_MOST
    for offset in (timedelta(0), OFFSET_MOST, -OFFSET_MOST):
        watching.offset = offset
        assert not await watching.is_off()


async def test_an_answer_that_takes_long_does_not_say_that_a_clock_is_right_again() -> None:
    watching = Watching()
    watching.offset = 6 * OFFSET_MOST
    assert await watching.is_off()
    watching.on_the_way = 8 * OFFSET_MOST
    for offset in (watching.offset, timedelta(0)):
        watching.offset = offset
        assert await watching.is_off()
    # Back and forth in the time that an offset may have.
    watching.on_the_way = OFFSET_MOST / 2
    assert not await watching.is_off()


async def test_each_change_is_told_once_and_dialling_goes_on_at_once() -> None:
    watching = Watching()
    with capture_logs() as lines:
        for offset in (0, 6, 6, -7, 0, 0):
            watching.offset = timedelta(seconds=offset)
            await watching.is_off()
    assert [line["event"] for line in lines] == ["dialling.held", "dialling.free"]
    for topic in (Topic.CLAIM, Topic.SEND):
        await watching.signals.wait(topic, None)


async def test_a_database_that_is_away_says_nothing_of_the_clock() -> None:
    watching = Watching()
    watching.failure = UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
    assert not await watching.is_off()
    watching.failure, watching.offset = None, timedelta(minutes=1)
    assert await watching.is_off()
    watching.failure = UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
    assert await watching.is_off(), "it stays as it was"
