"""Estimates of windows: enough for the planner itself, and not much more than needed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from outdial_server.domain.batch import Batch
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.daily_cap import dialled_on
from outdial_server.domain.errors import InvalidFieldsError, Reason
from outdial_server.domain.gates import (
    ScopeFacts,
    budget,
    next_moment,
    next_slot_of_day,
    scope_gates,
)
from outdial_server.domain.open_time import OpenTime
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from outdial_server.domain.throttle import RuleUse, ThrottleRule, ThrottleUse
from outdial_server.domain.window_estimate import (
    TO_COME_BACK,
    ExpectedLength,
    LengthSource,
    StartLimit,
    WindowEstimate,
    WindowQuestion,
    estimate,
    too_short,
)
from support.clock import START
from support.domain import a_batch
from support.wall import CHANGE_DAYS, HOURS

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
OFFICE = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)


def expected(seconds: float) -> ExpectedLength:
    return ExpectedLength(timedelta(seconds=seconds), LengthSource.GIVEN)


def question(people: int = 100, **values: Any) -> WindowQuestion:
    defaults = {"slots": 10, "expected": expected(60), "time": OpenTime("UTC")}
    return WindowQuestion(people, values.pop("begin", START), **{**defaults, **values})


def last_start(people: int = 100, **values: Any) -> datetime | None:
    return estimate(question(people, **values), START).last_start_at


class Planner:
    """A batch that is dialled by its gates as soon as they let it; each call holds its slot
    for the expected length, and is counted by the throttle."""

    def __init__(self, batch: Batch, asked: WindowQuestion, now: datetime) -> None:
        self.batch = batch
        self.now = now
        self._asked = asked
        self._slot = SlotRow(SlotScope(ScopeKind.BATCH, 1), asked.slots, asked.slots, 0)
        self._starts: list[datetime] = []

    def starts(self) -> Iterator[datetime]:
        for _ in count():
            if not self.batch.counts.waiting:
                return
            taken = self._claim()
            yield from [self.now] * taken
            moment = None if taken else self._next()
            if not taken and moment is None:
                return
            self.now = moment or self.now

    def _facts(self) -> ScopeFacts:
        length = self._asked.expected.length
        live = sum(1 for at in self._starts if self.now < at + length)
        self._slot = replace(self._slot, used=live)
        counts = replace(self.batch.counts, dialing=live)
        rules = tuple(map(self._use, self._asked.rates))
        throttle = ThrottleUse(rules) if rules else None
        return ScopeFacts(replace(self.batch, counts=counts), [self._slot], throttle)

    def _use(self, rate: StartLimit) -> RuleUse:
        used = [at for at in self._starts if self.now < at + rate.period]
        opens_at = used[-rate.calls] + rate.period if len(used) >= rate.calls else None
        return RuleUse(ThrottleRule(rate.calls, rate.period), len(used), opens_at)

    def _claim(self) -> int:
        facts, batch = self._facts(), self.batch
        taken = min(budget(scope_gates(facts, self.now), 10_000), batch.counts.waiting)
        if not taken:
            return 0
        if batch.settings.is_spread:
            opens_at = next_slot_of_day(facts, taken, self.now)
            self._slot = replace(self._slot, opens_at=opens_at, opens_mark=batch.plan_mark)
        self._starts += [self.now] * taken
        today = self.now.astimezone(ZoneInfo(batch.settings.time_zone)).date().toordinal()
        counts = replace(batch.counts, waiting=batch.counts.waiting - taken)
        self.batch = replace(
            batch,
            counts=counts,
            dial_day=today,
            dials_on_day=dialled_on(today, batch.dial_day, batch.dials_on_day) + taken,
        )
        return taken

    def _next(self) -> datetime | None:
        answers = scope_gates(self._facts(), self.now)
        length = self._asked.expected.length
        ends = min((at + length for at in self._starts if self.now < at + length), default=None)
        waits = any(answer.waits_for for answer in answers)
        moments = [next_moment(answers), ends if waits else None]
        return max((m for m in moments if m is not None), default=None)


RATES = st.lists(
    st.builds(
        StartLimit, st.integers(1, 20), st.integers(1, 600).map(lambda n: timedelta(seconds=n))
    ),
    max_size=2,
)


@given(
    people=st.integers(1, 120),
    slots=st.integers(1, 12),
    seconds=st.integers(1, 400),
    rates=RATES,
    hours=st.none() | HOURS,
    change=CHANGE_DAYS,
    offset=st.integers(0, 3 * 24 * 60),
    cap=st.none() | st.integers(1, 60),
    pacing=st.sampled_from(Pacing),
)
@example(
    people=44,
    slots=1,
    seconds=8,
    rates=[],
    hours=CallingHours(EVERY_DAY, 2, 1),
    change=("Europe/Vienna", date(2026, 3, 29)),
    offset=0,
    cap=15,
    pacing=Pacing.SPREAD_OVER_DAYS,
)
@settings(max_examples=300, deadline=None)
def test_the_planner_is_done_within_the_estimate(
    *,
    people: int,
    slots: int,
    seconds: int,
    rates: list[StartLimit],
    hours: CallingHours | None,
    change: tuple[str, Any],
    offset: int,
    cap: int | None,
    pacing: Pacing,
) -> None:
    zone, day = change
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) + (offset - 1440) * MINUTE
    schedule: dict[str, Any] = {
        "calling_hours": hours,
        "time_zone": zone,
        "max_calls_per_day": cap,
        "pacing": pacing,
    }
    batch = a_batch(waiting=people, **schedule)
    asked = question(
        people,
        begin=begin,
        time=batch.open_time,
        slots=slots,
        expected=expected(seconds),
        rates=rates,
        day_cap=cap,
        is_spread=batch.settings.is_spread,
    )
    found = estimate(asked, begin)
    assume(found.needed is not None)
    assert found.needed is not None
    end = begin + found.needed
    # The window that was estimated is the one that it is dialled in.
    closing = a_batch(waiting=people, window_end=end, **schedule)
    starts = list(Planner(closing, asked, begin).starts())
    assert len(starts) == people, f"{people - len(starts)} of {people} expire"
    assert max(starts) < end
    fits = replace(asked, time=replace(asked.time, end=end))
    assert estimate(fits, begin).fits
    # And it is not much too long: in a clearly shorter one not all are called.
    if hours is None and cap is None:
        longest = max([asked.expected.length, *(rate.period for rate in rates)])
        freely = list(Planner(batch, asked, begin).starts())
        assert end - max(freely) <= 2 * longest + SECOND


def test_a_single_limit_is_reckoned_exactly() -> None:
    assert last_start(10) == START
    assert last_start(11) == START + MINUTE
    assert last_start(100) == START + 9 * MINUTE
    rate = StartLimit(1, timedelta(seconds=2))
    assert last_start(100, slots=None, rates=[rate]) == START + timedelta(seconds=198)


def test_the_narrowest_limit_counts() -> None:
    rate = StartLimit(60, MINUTE)
    assert last_start(600, slots=120, expected=expected(60), rates=[rate]) == START + 9 * MINUTE
    assert last_start(600, slots=30, expected=expected(60), rates=[rate]) == START + 19 * MINUTE


def test_closed_hours_and_full_days_are_waited_for() -> None:
    office = OpenTime("UTC", OFFICE)
    tomorrow = START + timedelta(days=1)
    evening = START + timedelta(hours=8)
    assert last_start(1, time=office, begin=evening) == tomorrow
    assert last_start(3, time=office, day_cap=2) == tomorrow
    today = START.date().toordinal()
    assert last_start(2, time=office, day_cap=2, dial_day=today, dials_on_day=1) == tomorrow
    assert last_start(2, time=office, day_cap=2, dial_day=today - 1, dials_on_day=1) == START


def test_calls_that_are_alive_in_the_evening_hold_their_slots_in_the_morning() -> None:
    night = OpenTime("UTC", CallingHours(EVERY_DAY, 9 * 60, 9 * 60 + 1))
    values = {"time": night, "slots": 1, "expected": expected(24 * 3600 + 30)}
    assert last_start(2, **values) == START + timedelta(days=1, seconds=30)


def test_what_takes_years_has_no_estimate() -> None:
    found = estimate(question(1_000_000, day_cap=1), START)
    assert (found.needed, found.earliest_end, found.fits) == (None, None, False)
    assert last_start(1, slots=0) is None


def test_nobody_needs_no_time() -> None:
    assert last_start(0) == START


def test_without_any_limit_all_start_at_once() -> None:
    assert last_start(5_000, slots=None) == START


@given(st.integers(1, 5_000), st.integers(1, 50), st.integers(1, 600), st.booleans())
def test_with_the_end_that_is_named_it_passes_and_with_clearly_less_it_does_not(
    people: int, slots: int, seconds: int, is_ahead: bool
) -> None:
    begin = START + timedelta(hours=1) if is_ahead else START
    asked = question(people, begin=begin, slots=slots, expected=expected(seconds))
    found = estimate(asked, START)
    assert found.earliest_end is not None

    def fits(end: datetime, now: datetime) -> bool:
        return estimate(replace(asked, time=OpenTime("UTC", end=end)), now).fits

    assert fits(found.earliest_end, START)
    # Sent again somewhat later.
    assert fits(found.earliest_end, START + TO_COME_BACK)
    assert not fits(found.last_start_at or START, START)


def test_a_refusal_names_the_numbers() -> None:
    found = estimate(question(100), START)
    refusal = too_short(found, "batch.window_end")
    assert isinstance(refusal, InvalidFieldsError)
    assert refusal.reason is Reason.WINDOW_TOO_SHORT
    (violation,) = refusal.violations
    assert violation.field == "batch.window_end"
    assert violation.description == (
        "leaves too little time: to start 100 calls takes 0:09:01; "
        "the window must not end before 2026-03-02T09:10:01Z"
    )
    assert refusal.metadata == {
        "calls": "100",
        "estimate_seconds": "541",
        "earliest_window_end": "2026-03-02T09:10:01Z",
    }


def test_a_refusal_of_what_takes_years_names_no_end() -> None:
    endless = estimate(question(1, slots=0), START)
    assert too_short(endless, "rows").metadata == {"calls": "1"}
    assert "more than 3 years" in too_short(endless, "rows").message


@pytest.mark.parametrize(("ahead", "spare"), [(0, TO_COME_BACK), (60, timedelta())])
def test_a_window_that_begins_later_needs_no_time_to_come_back(
    ahead: int, spare: timedelta
) -> None:
    found: WindowEstimate = estimate(question(begin=START + timedelta(seconds=ahead)), START)
    assert found.needed is not None
    assert found.earliest_end == found.begin + found.needed + spare
