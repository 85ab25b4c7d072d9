"""Forecasts."""

from collections.abc import Iterable, Mapping

from outdial.v1 import forecast_pb2 as pb

from outdial_server.api.conversion.enums import BATCH_STATE, DISPOSITION, SCHEDULED_CALL_STATE
from outdial_server.api.conversion.explanation import gate_to_message
from outdial_server.api.conversion.times import duration, timestamp
from outdial_server.commands.forecast_batch import MadeForecast
from outdial_server.domain.explanation import GateLevel, LevelledAnswer
from outdial_server.domain.forecast.forecast import RANGE_PERCENT, EndRange, Range, SeriesPoint
from outdial_server.domain.forecast.question import Question


def forecast_to_message(made: MadeForecast) -> pb.Forecast:
    found, question = made.forecast, made.question
    return pb.Forecast(
        batch_id=question.asked_batch.batch.batch_id,
        state=BATCH_STATE.to_message(question.found_in),
        at=timestamp(found.at),
        horizon_time=timestamp(found.horizon_ends_at),
        runs=found.runs,
        unfinished_runs=found.unfinished_runs,
        range_percent=RANGE_PERCENT,
        end_time=_moments(found.ends),
        first_call_time=_moments(found.first_call),
        calls=_counts(found.calls),
        calls_by_disposition=[
            pb.CallsForecast(disposition=DISPOSITION.to_message(d), calls=_counts(counts))
            for d, counts in found.calls_by_outcome.items()
        ],
        people=[
            pb.PeopleForecast(state=SCHEDULED_CALL_STATE.to_message(s), people=_counts(counts))
            for s, counts in found.people.items()
        ],
        skips=_skips(found.skipped),
        waiting=_counts(found.waiting),
        bucket=duration(found.bucket),
        series=map(_point, found.series),
        stuck_at=(
            None
            if found.stuck_at is None
            else gate_to_message(LevelledAnswer(GateLevel.BATCH, found.stuck_at))
        ),
        basis=_basis(question),
    )


def _skips(skipped: Mapping[str, Range]) -> Iterable[pb.SkipsForecast]:
    return [pb.SkipsForecast(reason=r, people=_counts(counts)) for r, counts in skipped.items()]


def _counts(found: Range) -> pb.CountRange:
    return pb.CountRange(point=found.point, low=found.low, high=found.high)


def _moments(found: EndRange) -> pb.TimeRange:
    return pb.TimeRange(
        point=timestamp(found.point), low=timestamp(found.low), high=timestamp(found.high)
    )


def _point(point: SeriesPoint) -> pb.ForecastPoint:
    return pb.ForecastPoint(
        start_time=timestamp(point.start),
        calls=point.calls,
        live=point.live,
        limits=[
            pb.LimitForecast(gate=gate, used=use.used, cap=use.cap)
            for gate, use in point.limits.items()
        ],
    )


def _basis(question: Question) -> pb.ForecastBasis:
    agent = question.asked_batch.agent_key
    return pb.ForecastBasis(
        agent_calls=len(question.history.own(agent)),
        account_calls=len(question.history.others(agent)),
        other_batches=len(question.batches) - 1,
        assumes_start=question.assumes_start,
    )
