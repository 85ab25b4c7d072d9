"""Forecasts whose answer can be worked out by hand: calls that all take a minute."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.forecast.people import Alike, Lot
from outdial_server.domain.forecast.question import DialledBatch, LiveCall
from outdial_server.domain.forecast.throttle_log import ThrottlePast
from outdial_server.domain.number_rotation import NumberPool, OwnNumber
from outdial_server.domain.number_rules import NumberRules
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind
from outdial_server.domain.throttle import ThrottleRule
from support.clock import START
from support.forecasting import asked, calls, dialled, slot, told, unused

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BUSY, HUMAN = Disposition.BUSY, Disposition.ANSWERED_HUMAN
COMPLETED, EXPIRED = ScheduledCallState.COMPLETED, ScheduledCallState.EXPIRED
FAILED, SKIPPED = ScheduledCallState.FAILED, ScheduledCallState.SKIPPED
# START is 09:00 UTC on a Monday.
MORNING = CallingHours(EVERY_DAY, 9 * 60, 10 * 60)
AGAIN_IN_AN_HOUR = RetryPolicy((RetryRule(BUSY, FixedDelays((HOUR, HOUR, HOUR))),), 3)
ALWAYS_BUSY = calls(BUSY, count=2_000, ring=60.0, talk=0.0)


def near(moment: datetime | None, wanted: datetime, within: timedelta) -> bool:
    """History leaves a few calls of a thousand to the defaults."""
    return moment is not None and abs(moment - wanted) <= within


def test_slots_make_calls_one_behind_the_other() -> None:
    found = told(asked(dialled(600, slots=10)))
    assert near(found.ends.point, START + HOUR, 3 * MINUTE)
    assert found.ends.low is not None
    assert found.ends.high is not None
    assert found.ends.low <= START + HOUR + MINUTE
    assert found.first_call.point == START
    assert found.calls.point == found.calls.low == found.calls.high == 600
    assert found.waiting.high == found.unfinished_runs == 0
    assert sum(point.calls for point in found.series) == pytest.approx(600)


def test_calls_that_are_under_way_hold_their_slots_and_end() -> None:
    live = LiveCall(Alike(), elapsed_us=50_000_000, talked_us=45_000_000, count=10)
    found = told(asked(dialled(0, slots=10, live=[live])))
    assert near(found.ends.point, START, MINUTE)
    assert found.people[COMPLETED].point == 10
    assert found.calls.high == 0


def test_a_window_that_closes_lets_the_others_expire() -> None:
    end = START + timedelta(minutes=30)
    found = told(asked(dialled(600, slots=10, window_end=end)))
    assert 290 <= found.people[COMPLETED].point <= 312
    assert found.people[EXPIRED].point == 600 - found.calls.point
    assert near(found.ends.point, end + MINUTE, MINUTE)


def test_a_scheduled_batch_begins_with_its_window() -> None:
    opens = START + 5 * HOUR
    batch = dialled(10, state=BatchState.SCHEDULED, window_start=opens)
    found = told(asked(batch))
    assert found.first_call.point == found.first_call.low == opens
    assert near(found.ends.point, opens + MINUTE, 5 * MINUTE)


def test_calling_hours_and_the_daily_cap_take_it_to_other_days() -> None:
    # 60 a day, one at a time, in the hour that all of them just fit into.
    found = told(asked(dialled(150, slots=10, calling_hours=MORNING, max_calls_per_day=60)))
    assert near(found.ends.point, START + 2 * DAY + 3 * MINUTE, 4 * MINUTE)
    days = Counter(point.start.date() for point in found.series for _ in range(round(point.calls)))
    assert max(days.values()) <= 61


def test_a_batch_that_is_spread_takes_the_whole_day() -> None:
    values = {"pacing": Pacing.SPREAD_OVER_DAYS, "calling_hours": MORNING}
    found = told(asked(dialled(30, max_calls_per_day=30, **values)))
    assert near(found.ends.point, START + 59 * MINUTE, 4 * MINUTE)


def test_a_throttle_holds_calls_to_its_rate() -> None:
    past = ThrottlePast((ThrottleRule(5, MINUTE),))
    batch = dialled(100, throttle_key=7)
    batch = replace(batch, facts=replace(batch.facts, throttle=unused(past)))
    found = told(asked(batch, throttles={7: past}))
    assert near(found.ends.point, START + 20 * MINUTE, 3 * MINUTE)
    uses = [p.limits["throttle"] for p in found.series if "throttle" in p.limits]
    assert all(use.cap == 5 for use in uses)
    assert max(use.used for use in uses) > 4


def test_retries_come_after_their_delay_and_are_counted() -> None:
    found = told(asked(dialled(50, retry_policy=AGAIN_IN_AN_HOUR), past=ALWAYS_BUSY))
    assert found.calls.point == pytest.approx(150, abs=3)
    assert found.calls_by_outcome[BUSY].point == pytest.approx(150, abs=5)
    assert found.people[FAILED].point == pytest.approx(50, abs=2)
    assert near(found.ends.point, START + 2 * HOUR + 90 * timedelta(seconds=1), 2 * MINUTE)


def test_a_gap_between_calls_to_one_number_puts_retries_off() -> None:
    rules = AccountRules(numbers=NumberRules(min_gap=5 * HOUR))
    batch = dialled(20, retry_policy=AGAIN_IN_AN_HOUR, rules=rules)
    found = told(asked(batch, past=ALWAYS_BUSY))
    assert near(found.ends.point, START + 10 * HOUR, 5 * MINUTE)


def test_calls_a_day_to_one_number_put_retries_off_to_another_day() -> None:
    rules = AccountRules(numbers=NumberRules(max_calls_per_day=1))
    batch = dialled(20, retry_policy=AGAIN_IN_AN_HOUR, rules=rules)
    found = told(asked(batch, past=ALWAYS_BUSY))
    midnight = START.replace(hour=0)
    assert near(found.ends.point, midnight + 2 * DAY + MINUTE, 5 * MINUTE)


def test_who_is_on_the_do_not_call_list_is_skipped() -> None:
    lots = [Lot(Alike(), 0, 30), Lot(Alike(suppressed=True), 0, 12)]
    found = told(asked(dialled(lots, rules=AccountRules(has_suppressions=True))))
    assert found.skipped["SUPPRESSED"].point == found.people[SKIPPED].point == 12
    assert found.calls.point == 30


def test_people_are_called_by_their_own_zones() -> None:
    lots = [Lot(Alike(time_zone=zone), 0, 5) for zone in ("UTC", "America/New_York")]
    batch = dialled(lots, calling_hours=MORNING, has_other_zones=True)
    found = told(asked(batch))
    # Nine in New York is two in the afternoon.
    assert near(found.ends.point, START + 5 * HOUR + MINUTE, 5 * MINUTE)
    assert found.first_call.point == START


def test_batches_of_the_account_share_its_slots() -> None:
    alone = told(asked(dialled(300, account_slots=10)))
    both = told(asked(dialled(300, account_slots=10), dialled(300, key=2, account_slots=10)))
    assert near(alone.ends.point, START + 30 * MINUTE, 3 * MINUTE)
    assert near(both.ends.point, START + 60 * MINUTE, 5 * MINUTE)


def test_higher_priority_comes_first() -> None:
    other = dialled(300, key=2, account_slots=10, priority=5)
    found = told(asked(dialled(300, account_slots=10), other))
    assert near(found.ends.point, START + 60 * MINUTE, 5 * MINUTE)
    found = told(asked(other, dialled(300, account_slots=10)))
    assert near(found.ends.point, START + 30 * MINUTE, 5 * MINUTE)


def test_limits_are_told_of_while_somebody_waits() -> None:
    """Ten are called in the first minute, and the last five in the second."""
    found = told(asked(dialled(15, slots=10)))
    in_second = START + timedelta(seconds=65)
    first = [p.limits["slots_batch"] for p in found.series if p.start < START + MINUTE]
    assert all(use.cap == 10 for use in first)
    assert max(use.used for use in first) == 10
    tail = [p for p in found.series if p.start >= in_second and p.live > 1]
    assert tail
    assert not any(p.limits for p in tail)


def test_what_does_not_end_by_the_horizon_says_so() -> None:
    found = told(asked(dialled(600, slots=1), horizon=HOUR))
    assert found.ends.point is found.ends.high is None
    assert found.unfinished_runs == found.runs
    assert found.waiting.point == pytest.approx(540, abs=15)
    assert found.horizon_ends_at == START + HOUR


def test_who_is_never_dialled_is_stuck_at_a_gate() -> None:
    found = told(asked(dialled(5, agent_active=False)))
    assert found.stuck_at is not None
    assert found.stuck_at.reason == "AGENT_INACTIVE"
    assert found.ends.point is None
    assert found.waiting.point == 5


def test_the_same_chance_gives_the_same_forecast() -> None:
    question = asked(dialled(80, slots=7, retry_policy=AGAIN_IN_AN_HOUR), past=calls(count=30))
    assert told(question, seed=4) == told(question, seed=4)
    assert told(question, seed=4) != told(question, seed=5)


@settings(max_examples=15)
@given(
    st.integers(1, 300),
    st.integers(1, 30),
    st.sampled_from((None, AGAIN_IN_AN_HOUR)),
    st.sampled_from((None, 2, 20)),
    st.integers(1, 90).map(lambda minutes: START + minutes * MINUTE) | st.none(),
    st.integers(0, 1000),
)
def test_everybody_comes_to_one_end(
    people: int,
    slots: int,
    policy: RetryPolicy | None,
    day_cap: int | None,
    window_end: datetime | None,
    seed: int,
) -> None:
    batch = dialled(
        people,
        slots=slots,
        retry_policy=policy,
        max_calls_per_day=day_cap,
        window_end=window_end,
    )
    mixed = [*calls(HUMAN, count=20), *calls(BUSY, count=10, talk=0.0)]
    found = told(asked(batch, past=mixed, horizon=10 * DAY), seed)
    for counted in (*found.people.values(), found.calls, found.waiting):
        assert 0 <= counted.low <= counted.point <= counted.high
    assert all(counted.high <= people for counted in found.people.values())
    if found.unfinished_runs == 0:
        assert found.waiting.high == 0
        assert sum(counted.high for counted in found.people.values()) >= people
        assert found.calls.high <= people * (3 if policy else 1)
    live = [point.live for point in found.series]
    assert all(n <= slots + 1e-6 for n in live)


@pytest.mark.parametrize("people", [100, 1_000, 20_000])
def test_a_coarser_look_at_long_lists_tells_the_same(people: int) -> None:
    """A list ten times as long with ten times the slots ends as soon."""
    batch = dialled(people, slots=people // 20, account_slots=people)
    found = told(asked(batch))
    assert near(found.ends.point, START + 20 * MINUTE, 2 * MINUTE)


def test_thirty_days_of_long_lists_are_few_decisions() -> None:
    """20 lists of 50,000 that share 800 slots."""
    hours = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)
    batches = [
        dialled(50_000, key=n, slots=2_000, account_slots=800, calling_hours=hours)
        for n in range(1, 21)
    ]
    found = told(asked(*batches))
    # A million minutes over 800 slots, eight hours a day.
    assert near(found.ends.point, START + 2 * DAY + 5 * HOUR, 3 * HOUR)


def test_numbers_that_are_full_hold_calls_until_one_ends() -> None:
    rows = [slot(ScopeKind.PHONE_NUMBER, n, cap) for n, cap in ((1, 2), (2, 3))]
    pool = NumberPool(
        tuple(OwnNumber(n, "", is_usable=True, slot=row) for n, row in enumerate(rows))
    )

    def showing(batch: DialledBatch) -> DialledBatch:
        return replace(batch, facts=replace(batch.facts, numbers=pool))

    alone = told(asked(showing(dialled(300))))
    assert near(alone.ends.point, START + 60 * MINUTE, 5 * MINUTE)
    both = told(asked(showing(dialled(300)), showing(dialled(150, key=2))))
    assert near(both.ends.point, START + 90 * MINUTE, 8 * MINUTE)
