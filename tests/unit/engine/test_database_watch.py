"""The watch believes that the database cannot be written when it cannot write itself, and
says once that it is so and once that it is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.quarantine import FAILOVER, Quarantine
from outdial_server.engine.database_watch import TRY_EVERY, DatabaseWatch
from outdial_server.engine.obstacles import Obstacles
from outdial_server.ports.signals import Topic
from support.clock import START, ManualClock, ManualSignals

FULL = UnavailableError(Reason.DATABASE_FULL, "the disk is full")
AWAY = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away")
SECOND = timedelta(seconds=1)


class Watching:
    def __init__(self, *, is_alone: bool = True) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.obstacles = Obstacles()
        self.watch = DatabaseWatch(self, self.obstacles, self.signals, is_alone=is_alone)
        self.failure: UnavailableError | None = None
        self.quarantine: Quarantine | None = None
        self.beats: list[datetime] = []

    async def beat(self) -> Quarantine | None:
        self.beats.append(self.clock.now())
        if self.failure is not None:
            raise self.failure
        return self.quarantine

    async def somebody_fails(self) -> None:
        """And the loop wakes for it."""
        self.signals.wake(Topic.DATABASE)
        await self.tick()

    async def tick(self) -> None:
        await self.signals.wait(Topic.DATABASE, self.clock.now())
        await self.watch.tick(self.clock.now())

    async def ticks(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(SECOND)
            await self.tick()


@pytest.mark.parametrize(("is_alone", "beats"), [(True, 1), (False, 4)])
async def test_one_that_is_alone_writes_once_while_nobody_fails(
    *, is_alone: bool, beats: int
) -> None:
    watching = Watching(is_alone=is_alone)
    await watching.tick()
    await watching.ticks(3)
    assert len(watching.beats) == beats


@pytest.mark.parametrize("is_alone", [True, False])
async def test_a_quarantine_is_an_obstacle_until_it_is_lifted(*, is_alone: bool) -> None:
    watching = Watching(is_alone=is_alone)
    watching.quarantine = Quarantine(START, START, START)
    await watching.tick()
    assert watching.obstacles.met == {Obstacle.QUARANTINE: FAILOVER}
    await watching.signals.wait(Topic.QUARANTINE, None)
    watching.quarantine = None
    await watching.ticks(1)
    assert not watching.obstacles.met
    await watching.signals.wait(Topic.CLAIM, None)


async def test_a_failure_that_others_do_not_have_is_no_obstacle() -> None:
    watching = Watching()
    await watching.somebody_fails()
    await watching.ticks(3)
    assert watching.beats == [START]
    assert not watching.obstacles.met


async def test_it_tries_each_second_until_it_can_write_and_then_wakes_everybody() -> None:
    watching = Watching()
    watching.failure = FULL
    await watching.somebody_fails()
    assert watching.obstacles.met == {Obstacle.DATABASE: "DATABASE_FULL"}
    await watching.ticks(2)
    watching.failure = None
    assert Obstacle.DATABASE in watching.obstacles
    await watching.ticks(3)
    assert not watching.obstacles.met
    assert watching.beats == [START + n * TRY_EVERY for n in range(4)]
    for topic in (Topic.CLAIM, Topic.SEND, Topic.REPORT, Topic.DELIVER):
        await watching.signals.wait(topic, None)


async def test_however_many_fail_it_tries_once_a_second() -> None:
    watching = Watching()
    watching.failure = AWAY
    for _ in range(10):
        await watching.somebody_fails()
    assert watching.beats == [START]


async def test_a_clock_that_was_set_back_does_not_keep_it_from_trying() -> None:
    watching = Watching()
    watching.failure = AWAY
    await watching.somebody_fails()
    watching.clock._now -= timedelta(hours=1)
    await watching.tick()
    assert len(watching.beats) == 2


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ([FULL, FULL, FULL, None], [("held", "DATABASE_FULL"), ("free", "DATABASE_FULL")]),
        (
            [AWAY, FULL, None, None],
            [
                ("held", "DATABASE_UNAVAILABLE"),
                ("held", "DATABASE_FULL"),
                ("free", "DATABASE_FULL"),
            ],
        ),
    ],
)
async def test_the_log_has_one_line_for_each_change(
    failures: Sequence[UnavailableError | None], told: Sequence[tuple[str, str]]
) -> None:
    watching = Watching()
    changes: list[int] = []
    watching.obstacles.follow(lambda: changes.append(1))
    with capture_logs() as lines:
        for failure in failures:
            watching.failure = failure
            watching.clock.advance(SECOND)
            await watching.somebody_fails()
    assert [(line["event"], line["reason"]) for line in lines] == [
        (f"dialling.{change}", reason) for change, reason in told
    ]
    assert len(changes) == len(told)
