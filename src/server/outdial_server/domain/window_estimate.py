"""The smallest window in which so many calls can be started: an estimate, refused by number
where a window is shorter. Pure; docs/time.md has the formula.

Every limit is of one form: at most so many starts in any stretch of a length. A slot that is
held for the expected length of a call is one, too. A schedule that keeps all of them is worked
out along the calendar; dialling as soon as the limits allow is never behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import IntEnum
from itertools import islice
from math import ceil
from typing import Final

from outdial_server.domain.daily_cap import dialled_on
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, Reason
from outdial_server.domain.open_time import OpenDay, OpenTime, days_from
from outdial_server.domain.pacing import STEP

DAYS_MOST: Final = 3 * 366
"""An estimate looks no further: about 10 ms of the event loop or of the writer."""

TO_COME_BACK: Final = timedelta(minutes=1)
"""Added to the end that a refusal names, where the window begins at once: by then the same
request is sent again, later than it was."""

_SECOND: Final = timedelta(seconds=1)


class WindowCheck(IntEnum):
    """What becomes of a request whose window is too short. The numbers are stored."""

    REFUSE = 1
    WARN = 2


class WindowFault(IntEnum):
    """What a batch is warned of, as of the latest list or change of the schedule. The numbers are
    stored."""

    NONE = 0
    TOO_SHORT = 1
    # People have zones of their own, and the hours open in none of them.
    OPEN_FOR_NOBODY = 2


class LengthSource(IntEnum):
    """What told how long calls are expected to hold their slots."""

    GIVEN = 1
    HISTORY = 2
    DEFAULT = 3


@dataclass(frozen=True, slots=True)
class ExpectedLength:
    """From the request to the end, unanswered calls included."""

    length: timedelta
    source: LengthSource


@dataclass(frozen=True, slots=True)
class StartLimit:
    """At most `calls` starts in each half-open stretch of time as long as `period`."""

    calls: int
    period: timedelta


@dataclass(frozen=True, slots=True)
class WindowQuestion:
    """`people` to call from `begin` on."""

    people: int
    begin: datetime
    time: OpenTime
    # The fewest of any scope that the calls count in; None: no limit.
    slots: int | None
    expected: ExpectedLength
    rates: Sequence[StartLimit] = ()
    # Calls of a day, and those that have gone on one of them: see `Batch.dial_day`.
    day_cap: int | None = None
    dial_day: int | None = None
    dials_on_day: int = 0
    is_spread: bool = False


@dataclass(frozen=True, slots=True)
class WindowEstimate:
    """`last_start_at` is None when it is more than `DAYS_MOST` days away, or never. `end` is
    that of the window that was asked about."""

    people: int
    begin: datetime
    last_start_at: datetime | None
    expected: ExpectedLength
    slots: int | None
    end: datetime | None = None
    begins_now: bool = True

    @property
    def needed(self) -> timedelta | None:
        """In whole seconds: the last start lies before the end of the window."""
        if self.last_start_at is None:
            return None
        return ((self.last_start_at - self.begin) // _SECOND + 1) * _SECOND

    @property
    def earliest_end(self) -> datetime | None:
        """An end that is late enough, also for a request that comes again a little later."""
        if self.needed is None:
            return None
        return self.begin + self.needed + (TO_COME_BACK if self.begins_now else timedelta())

    @property
    def fits(self) -> bool:
        if self.end is None:
            return self.last_start_at is not None
        return self.last_start_at is not None and self.last_start_at < self.end


def estimate(question: WindowQuestion, now: datetime) -> WindowEstimate:
    """Retries are not counted, nor what else the slots are used for. `begin` may have passed."""
    asked = replace(question, begin=max(now, question.begin), time=_endless(question.time))
    starts = [_last_start(asked, cadence) for cadence in _cadences(asked)]
    return WindowEstimate(
        asked.people,
        asked.begin,
        min((at for at in starts if at is not None), default=None),
        asked.expected,
        asked.slots,
        question.time.end,
        begins_now=question.begin <= now,
    )


def _endless(time: OpenTime) -> OpenTime:
    return replace(time, end=None)


def _cadences(question: WindowQuestion) -> list[StartLimit]:
    """Ways to start calls that keep all limits: in waves as large as the narrowest limit, and
    one by one in even steps. Either may be the faster one; calls that are spread over their
    days only go one by one."""
    limits = list(question.rates)
    if question.slots is not None:
        limits.append(StartLimit(question.slots, question.expected.length))
    if any(limit.calls <= 0 for limit in limits):
        return []
    one_by_one = StartLimit(
        1, max((_part(limit.period, limit.calls) for limit in limits), default=timedelta())
    )
    if question.is_spread:
        return [one_by_one]
    wave = min((limit.calls for limit in limits), default=max(1, question.people))
    periods = (_part(limit.period, limit.calls // wave) for limit in limits)
    return [one_by_one, StartLimit(wave, max(periods, default=timedelta()))]


def _part(period: timedelta, parts: int) -> timedelta:
    """Rounded up: so many parts are never shorter than the period."""
    return -((-period) // parts)


def _last_start(question: WindowQuestion, cadence: StartLimit) -> datetime | None:
    left, last = question.people, question.begin
    earliest = question.begin
    for day in islice(days_from(question.time, question.begin), DAYS_MOST):
        most = min(left, _room(question, day.day))
        taken, of_day = _starts_of(day, earliest, cadence, most, is_spread=question.is_spread)
        left -= taken
        if of_day is not None:
            last, earliest = of_day, of_day + cadence.period
        if left <= 0:
            return last + STEP if question.is_spread else last
    return None


def _room(question: WindowQuestion, day: date) -> int:
    if question.day_cap is None:
        return question.people
    gone = dialled_on(day.toordinal(), question.dial_day, question.dials_on_day)
    return max(0, question.day_cap - gone)


def _starts_of(
    day: OpenDay, earliest: datetime, cadence: StartLimit, most: int, *, is_spread: bool
) -> tuple[int, datetime | None]:
    """How many of at most `most` calls are started on a day, and the moment of the last. The
    steps of calls that are spread are of open time: what is left of one when the hours close
    is waited for when they open again."""
    taken, last = 0, None
    left_of_step = timedelta()
    for stretch in day.stretches:
        start = max(stretch.opens_at + left_of_step, earliest)
        if taken >= most or start >= stretch.closes_at:
            left_of_step -= min(left_of_step, stretch.closes_at - stretch.opens_at)
            continue
        waves = ceil((most - taken) / cadence.calls)
        if cadence.period:
            waves = min(waves, -((start - stretch.closes_at) // cadence.period))
        taken = min(most, taken + waves * cadence.calls)
        last = start + (waves - 1) * cadence.period
        earliest = last + cadence.period
        if is_spread:
            left_of_step = max(timedelta(), earliest - stretch.closes_at)
    return taken, last


def too_short(found: WindowEstimate, field: str) -> InvalidFieldsError:
    """Of a window that has an end. Metadata: `calls`, and unless it takes years
    `estimate_seconds` and `earliest_window_end`."""
    if found.needed is None or found.earliest_end is None:
        takes = f"more than {DAYS_MOST // 366} years"
        return InvalidFieldsError(
            [_leaves_too_little(found, field, takes)],
            Reason.WINDOW_TOO_SHORT,
            {"calls": str(found.people)},
        )
    seconds = found.needed // _SECOND
    earliest_end = found.earliest_end.isoformat().replace("+00:00", "Z")
    return InvalidFieldsError(
        [
            _leaves_too_little(
                found, field, f"{found.needed}; the window must not end before {earliest_end}"
            )
        ],
        Reason.WINDOW_TOO_SHORT,
        {
            "calls": str(found.people),
            "estimate_seconds": str(seconds),
            "earliest_window_end": earliest_end,
        },
    )


def _leaves_too_little(found: WindowEstimate, field: str, takes: str) -> FieldViolation:
    return FieldViolation(field, f"leaves too little time: to start {_calls(found)} takes {takes}")


def _calls(found: WindowEstimate) -> str:
    return "1 call" if found.people == 1 else f"{found.people} calls"
