"""The sweeper: a group, a rest, and one line for all of it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from outdial_server.domain.retention import Retention
from outdial_server.engine.sweeper import ERASE_MOST, SWEEP_EVERY, Sweeper
from outdial_server.ports.retention import Erased, Swept
from support.clock import ManualClock

KEEP = Retention(events=timedelta(days=1))
MS = timedelta(milliseconds=1)


class Groups:
    """A store whose groups take as long as a test says."""

    def __init__(self, clock: ManualClock, *groups: Swept | Exception, took: timedelta) -> None:
        self._clock = clock
        self._groups: Sequence[Swept | Exception] = groups
        self._took = took
        self.asked: list[tuple[Retention, int]] = []

    async def erase(self, keep: Retention, limit: int) -> Swept:
        group = self._groups[len(self.asked)]
        self.asked.append((keep, limit))
        self._clock.advance(self._took)
        if isinstance(group, Exception):
            raise group
        return group


def some(events: int) -> Swept:
    return Swept(Erased(events=events), more=True)


NOTHING_MORE = Swept(Erased(), more=False)


@pytest.mark.parametrize(("took_ms", "rest_ms"), [(0, 20), (1, 20), (4, 76), (100, 1900)])
async def test_after_a_group_it_rests_longer_the_longer_the_group_took(
    took_ms: int, rest_ms: int
) -> None:
    clock = ManualClock()
    store = Groups(clock, some(250), took=took_ms * MS)
    sweeper = Sweeper(store, KEEP, clock)
    assert await sweeper.tick(clock.now()) == clock.now() + rest_ms * MS
    assert store.asked == [(KEEP, ERASE_MOST)]


async def test_a_sweep_that_erased_something_is_told_once() -> None:
    clock = ManualClock()
    store = Groups(clock, some(250), some(30), NOTHING_MORE, NOTHING_MORE, took=4 * MS)
    sweeper = Sweeper(store, KEEP, clock)
    with capture_logs() as records:
        await sweeper.tick(clock.now())
        clock.advance(76 * MS)
        await sweeper.tick(clock.now())
        assert records == []
        assert await sweeper.tick(clock.now()) == clock.now() + SWEEP_EVERY
        await sweeper.tick(clock.now())
    (record,) = records
    assert record["event"] == "retention.swept"
    assert (record["events"], record["rows"], record["duration_ms"]) == (280, 0, 88.0)


async def test_a_group_that_failed_is_not_forgotten_in_the_count() -> None:
    clock = ManualClock()
    store = Groups(clock, some(5), ConnectionError("gone"), some(2), NOTHING_MORE, took=MS)
    sweeper = Sweeper(store, KEEP, clock)
    with capture_logs() as records:
        await sweeper.tick(clock.now())
        with pytest.raises(ConnectionError):
            await sweeper.tick(clock.now())
        await sweeper.tick(clock.now())
        await sweeper.tick(clock.now())
    assert [record["events"] for record in records] == [7]
