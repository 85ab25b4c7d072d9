"""A forecast of 30 days: 20 lists of 50,000 people with retries that share 400 slots."""

import time
from collections.abc import Iterator
from datetime import timedelta

from benchmarks.apart import apart
from benchmarks.options import Options
from benchmarks.report import RowReport, at_most, measure
from outdial_server.domain.call import Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.forecast.question import Question
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from support.forecasting import asked, calls, dialled, told

_BATCHES = 20
_HOURS = CallingHours(EVERY_DAY, 9 * 60, 17 * 60)
_AGAIN = RetryPolicy(
    (RetryRule(Disposition.NO_ANSWER, FixedDelays((timedelta(hours=2), timedelta(days=1)))),)
)


def forecasting(options: Options) -> Iterator[RowReport]:
    people = options.amount(50_000, 50_000, 500)
    seconds = [apart(forecast_seconds, people) for _ in range(options.rounds)]
    yield RowReport(
        "forecast",
        (
            measure(
                f"30 days of {_BATCHES} batches of {people:,} people",
                "s",
                seconds,
                at_most(20),
            ),
        ),
    )


def forecast_seconds(people: int) -> float:
    question = _question(people)
    begin = time.perf_counter()
    found = told(question)
    seconds = time.perf_counter() - begin
    assert found.calls.point >= people, "everybody is called"
    return seconds


def _question(people: int) -> Question:
    past = [*calls(count=1_400), *calls(Disposition.NO_ANSWER, count=600, ring=30.0, talk=0.0)]
    batches = [
        dialled(
            people,
            key=key,
            slots=400,
            account_slots=400,
            calling_hours=_HOURS,
            retry_policy=_AGAIN,
        )
        for key in range(1, _BATCHES + 1)
    ]
    return asked(*batches, past=past)
