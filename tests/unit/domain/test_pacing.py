"""Spreading over days, driven by the gates as a claim asks them, against a plan that an oracle
makes from the clock on the wall."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outdial_server.domain.batch import Batch
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.daily_cap import dialled_on
from outdial_server.domain.gates import (
    ScopeFacts,
    budget,
    next_moment,
    next_slot_of_day,
    pace_gate,
    scope_gates,
)
from outdial_server.domain.open_time import OpenTime, rest_of_day
from outdial_server.domain.pacing import Pacing, slots_at_once
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from support.clock import START
from support.domain import a_batch
from support.wall import CHANGE_DAYS, DAY_MINUTES, HOURS, MINUTE, open_minutes, wall

SECOND = timedelta(seconds=1)
OFFICE = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)

NO_SLOT_YET = SlotRow(SlotScope(ScopeKind.BATCH, 1), None, None, 0)


def a_spread_batch(**values: Any) -> Batch:
    return a_batch(**{"pacing": Pacing.SPREAD_OVER_DAYS, "max_calls_per_day": 10, **values})


@dataclass
class Dialling:
    """A batch that is dialled by its gates; each call is over at once."""

    batch: Batch
    now: datetime
    slot: SlotRow = NO_SLOT_YET

    @property
    def facts(self) -> ScopeFacts:
        return ScopeFacts(self.batch, [self.slot])

    def claim(self, most: int = 100_000) -> int:
        """How many calls go now."""
        waiting = self.batch.counts.waiting
        taken = min(budget(scope_gates(self.facts, self.now), most), waiting)
        if taken:
            if self.batch.settings.is_spread:
                opens_at = next_slot_of_day(self.facts, taken, self.now)
                mark = self.batch.plan_mark
                self.slot = replace(self.slot, opens_at=opens_at, opens_mark=mark)
            self._count(taken)
        return taken

    def _count(self, taken: int) -> None:
        batch = self.batch
        today = self.now.astimezone(ZoneInfo(batch.settings.time_zone)).date().toordinal()
        dials = dialled_on(today, batch.dial_day, batch.dials_on_day) + taken
        waiting = batch.counts.waiting - taken
        counts = replace(batch.counts, waiting=waiting, completed=batch.counts.completed + taken)
        self.batch = replace(batch, counts=counts, dial_day=today, dials_on_day=dials)

    def moments(self, until: datetime) -> Iterator[datetime]:
        """When calls go, one for each."""
        while self.batch.counts.waiting and self.now < until:
            taken = self.claim()
            yield from [self.now] * taken
            if not taken:
                moment = next_moment(scope_gates(self.facts, self.now))
                if moment is None:
                    return
                assert moment > self.now
                self.now = moment


def planned(
    minutes: list[tuple[date, datetime]], people: int, cap: int
) -> Iterator[list[datetime]]:
    """By the oracle: open minutes with their local dates. Each day takes its people in even
    steps over the open minutes that it has."""
    for _, of_day in groupby(minutes, key=lambda pair: pair[0]):
        opened = [moment for _, moment in of_day]
        today = min(cap, people)
        people -= today
        steps = [n * len(opened) * MINUTE / today for n in range(today)]
        yield [opened[step // MINUTE] + step % MINUTE for step in steps]


@given(
    st.none() | HOURS,
    CHANGE_DAYS,
    st.integers(9 * DAY_MINUTES, 11 * DAY_MINUTES),
    st.integers(1, 60),
    st.integers(1, 25),
)
@settings(max_examples=150)
def test_the_calls_of_each_day_are_even_steps_of_its_open_time(
    hours: CallingHours | None, change: tuple[str, date], offset: int, people: int, cap: int
) -> None:
    zone, day = change
    clock = wall(zone, day)
    start = clock.start + offset * MINUTE
    until = start + timedelta(days=4)
    batch = a_spread_batch(
        waiting=people, max_calls_per_day=cap, calling_hours=hours, time_zone=zone, window_end=until
    )
    is_open = open_minutes(hours, zone, day) if hours else set(range(len(clock.local)))
    minutes = [
        (clock.first_day + timedelta(days=clock.local[n] // DAY_MINUTES), clock.start + n * MINUTE)
        for n in range(offset, offset + 4 * DAY_MINUTES)
        if n in is_open
    ]
    expected = [m for of_day in planned(minutes, people, cap) for m in of_day]
    found = list(Dialling(batch, start).moments(until))
    assert len(found) == len(expected)
    for moment, at in zip(found, expected, strict=True):
        # Slots that are closer together than a step come together.
        assert abs(moment - at) <= SECOND + timedelta(milliseconds=1), f"{moment}, not {at}"


@given(st.integers(1, 5_000), st.integers(1, 1_000))
@settings(max_examples=40, deadline=None)
def test_a_large_day_goes_in_steps_of_a_second_and_is_done_by_its_end(
    people: int, seconds: int
) -> None:
    cap, end = 50_000, START + timedelta(seconds=seconds)
    dialling = Dialling(
        a_spread_batch(waiting=people, max_calls_per_day=cap, window_end=end), START
    )
    found = list(dialling.moments(end))
    assert len(found) == people
    by_moment = [len(list(group)) for _, group in groupby(found)]
    assert max(by_moment) <= people // seconds + 1
    assert len(by_moment) <= seconds + 1


def test_without_a_daily_cap_nothing_is_spread() -> None:
    batch = a_spread_batch(waiting=5, max_calls_per_day=None, calling_hours=OFFICE)
    assert Dialling(batch, START).claim() == 5
    assert all(a.gate != "pace" for a in scope_gates(Dialling(batch, START).facts, START))


def test_a_pause_ends_in_no_burst() -> None:
    # 09:00 of a day of eight hours.
    dialling = Dialling(
        a_spread_batch(waiting=100, max_calls_per_day=8, calling_hours=OFFICE), START
    )
    assert dialling.claim() == 1
    dialling.now = START + timedelta(hours=4)
    assert dialling.claim() == 1
    assert dialling.claim() == 0
    # Seven are left for four hours, this one included.
    assert dialling.slot.opens_at == START + timedelta(hours=4) + timedelta(hours=4) / 7
    rest = list(dialling.moments(START + timedelta(hours=8)))
    assert len(rest) == 6
    gaps = {b - a for a, b in pairwise(rest)}
    assert max(gaps) - min(gaps) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "change", [{"revision": 2}, {"max_calls_per_day": 20, "revision": 2}, {"total": 101}]
)
def test_a_change_of_the_schedule_and_a_longer_list_open_a_slot_at_once(
    change: dict[str, Any],
) -> None:
    values = {"waiting": 100, "calling_hours": OFFICE, "total": 100}
    dialling = Dialling(a_spread_batch(**values), START)
    dialling.claim()
    dialling.now += MINUTE
    assert dialling.claim() == 0
    present = dialling.batch
    changed = a_spread_batch(**{**values, "waiting": 99, **change})
    dialling.batch = replace(changed, dial_day=present.dial_day, dials_on_day=present.dials_on_day)
    assert dialling.claim() == 1
    assert dialling.claim() == 0


def test_a_slot_says_when_the_next_one_is() -> None:
    dialling = Dialling(a_spread_batch(waiting=4, calling_hours=OFFICE), START)
    dialling.claim()
    answer = pace_gate(dialling.facts, START)
    assert (answer.budget, answer.reason) == (0, "NEXT_SLOT_OF_DAY")
    assert answer.next_at == START + timedelta(hours=2)
    assert answer.figures == {"left_today": 3}


def test_who_comes_back_when_nobody_is_left_need_not_wait_for_the_evening() -> None:
    dialling = Dialling(a_spread_batch(waiting=1, calling_hours=OFFICE), START)
    dialling.claim()
    dialling.now += timedelta(minutes=15)
    counts = replace(dialling.batch.counts, waiting=1, completed=0)
    dialling.batch = replace(dialling.batch, counts=counts)
    assert dialling.claim() == 1


def test_calls_that_are_claimed_and_not_sent_are_counted() -> None:
    batch = a_spread_batch(waiting=10, max_calls_per_day=4, calling_hours=OFFICE)
    slot = SlotRow(SlotScope(ScopeKind.BATCH, 1), None, None, 3)
    facts = ScopeFacts(batch, [slot])
    assert pace_gate(facts, START).figures == {"left_today": 1}
    assert next_slot_of_day(facts, 1, START) is None


def test_people_of_other_zones_are_spread_over_the_whole_date() -> None:
    batch = a_spread_batch(waiting=20, calling_hours=OFFICE, has_other_zones=True)
    dialling = Dialling(batch, datetime(2026, 3, 3, tzinfo=UTC))
    dialling.claim()
    assert dialling.slot.opens_at == datetime(2026, 3, 3, 2, 24, tzinfo=UTC)


def test_with_hardly_any_time_left_all_may_go() -> None:
    rest = rest_of_day(OpenTime("UTC", OFFICE), START + timedelta(hours=8) - SECOND / 2)
    assert slots_at_once(7, rest) == 7
    assert slots_at_once(0, rest) == 1
