"""The answer: runs side by side, and what they agree on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from outdial_server.domain.call import Disposition
from outdial_server.domain.forecast.chance import Chance
from outdial_server.domain.forecast.grain import grain_of, runs_for, work_of
from outdial_server.domain.forecast.holds import Holds
from outdial_server.domain.forecast.outcomes import OutcomeModel, outcome_model
from outdial_server.domain.forecast.question import Question
from outdial_server.domain.forecast.run import RunResult, new_run
from outdial_server.domain.forecast.series import Series
from outdial_server.domain.forecast.virtual_clock import MICROSECOND
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.scheduled_call import ScheduledCallState

RANGE_PERCENT: Final = 80

_DRAWN_RUNS: Final = 9
"""So many runs note what happens when: a mean of a few is as good to look at."""

_Key = TypeVar("_Key", Disposition, str)


@dataclass(frozen=True, slots=True)
class Range:
    """The middle of the runs, and what a tenth of them is below and a tenth above."""

    point: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class EndRange:
    """The same of a moment; None is later than the horizon."""

    point: datetime | None
    low: datetime | None
    high: datetime | None


@dataclass(frozen=True, slots=True)
class LimitUse:
    """Means over a stretch of time and over the runs."""

    used: float
    cap: float


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    start: datetime
    calls: float
    live: float
    limits: Mapping[str, LimitUse]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of what is still to come, but `people`, which has what has ended already, too."""

    at: datetime
    horizon_ends_at: datetime
    runs: int
    # Runs in which the batch had not ended by the horizon.
    unfinished_runs: int
    ends: EndRange
    first_call: EndRange
    calls: Range
    calls_by_outcome: Mapping[Disposition, Range]
    people: Mapping[ScheduledCallState, Range]
    skipped: Mapping[str, Range]
    # At the end, or at the horizon.
    waiting: Range
    bucket: timedelta
    series: Sequence[SeriesPoint]
    stuck_at: GateAnswer | None


def forecast(question: Question, chance: Callable[[int], Chance]) -> Forecast:
    """`chance` gives each run its own, by number."""
    history = question.history
    models = {
        agent: outcome_model(history.own(agent), history.others(agent))
        for agent in {b.agent_key for b in question.batches}
    }
    runs = runs_for(work_of(question))
    grain = grain_of(question, runs, _hold_us(question, models, chance(runs)))
    results = [
        new_run(question, models, chance(n), grain, draws=n < _DRAWN_RUNS).result()
        for n in range(runs)
    ]
    return _answer(question, results)


def _hold_us(question: Question, models: Mapping[int, OutcomeModel], chance: Chance) -> int:
    asked = question.asked_batch
    drawn = models[asked.agent_key].draw(chance)
    return max(1, Holds(drawn, asked.batch.settings.call_times).mean_us())


def _answer(question: Question, results: Sequence[RunResult]) -> Forecast:
    ended = question.asked_batch.batch.counts
    so_far = {
        ScheduledCallState.COMPLETED: ended.completed,
        ScheduledCallState.FAILED: ended.failed,
        ScheduledCallState.EXPIRED: ended.expired,
        ScheduledCallState.CANCELLED: ended.cancelled,
        ScheduledCallState.SKIPPED: ended.skipped,
    }
    people = {state: [r.people.get(state, 0) + n for r in results] for state, n in so_far.items()}
    horizon_us = question.horizon // MICROSECOND
    series = _joined([r.series for r in results if r.series is not None])
    drawn = sum(1 for r in results if r.series is not None)
    return Forecast(
        at=question.at,
        horizon_ends_at=question.at + question.horizon,
        runs=len(results),
        unfinished_runs=sum(1 for r in results if r.ended_us is None),
        ends=_moments(question.at, horizon_us, [r.ended_us for r in results]),
        first_call=_moments(question.at, horizon_us, [r.first_call_us for r in results]),
        calls=range_of([r.calls for r in results]),
        calls_by_outcome=_ranges([r.calls_by_outcome for r in results]),
        people={state: range_of(counts) for state, counts in people.items()},
        skipped=_ranges([r.skipped for r in results]),
        waiting=range_of([r.waiting for r in results]),
        bucket=timedelta(microseconds=series.width_us),
        series=tuple(_points(question.at, series, drawn)),
        stuck_at=next((r.stuck_at for r in results if r.stuck_at is not None), None),
    )


def range_of(values: Sequence[int]) -> Range:
    """With n runs, and the truth one more of the same kind, it falls between the first tenth
    of n + 1 and the last with a probability of exactly eight tenths."""
    ordered = sorted(values)
    tenth = (len(ordered) + 1) // 10
    return Range(ordered[len(ordered) // 2], ordered[tenth - 1], ordered[-tenth])


def _ranges(counts: Sequence[Mapping[_Key, int]]) -> dict[_Key, Range]:
    keys = sorted({key for found in counts for key in found})
    return {key: range_of([found.get(key, 0) for found in counts]) for key in keys}


def _moments(at: datetime, horizon_us: int, found: Sequence[int | None]) -> EndRange:
    later = horizon_us + 1
    ranged = range_of([later if us is None else us for us in found])

    def moment(us: int) -> datetime | None:
        return None if us > horizon_us else at + timedelta(microseconds=us)

    return EndRange(moment(ranged.point), moment(ranged.low), moment(ranged.high))


def _joined(series: Sequence[Series]) -> Series:
    whole = Series()
    for one in series:
        whole.take_in(one)
    return whole


def _points(at: datetime, series: Series, runs: int) -> Iterator[SeriesPoint]:
    for place, bucket in enumerate(series.buckets):
        # A run that had ended by then has nothing alive, and says nothing of limits.
        yield SeriesPoint(
            at + timedelta(microseconds=place * series.width_us),
            bucket.calls / runs,
            bucket.live_us / (series.width_us * runs),
            {
                name: LimitUse(use.used_us / use.seen_us, use.cap_us / use.seen_us)
                for name, use in sorted(bucket.limits.items())
            },
        )
