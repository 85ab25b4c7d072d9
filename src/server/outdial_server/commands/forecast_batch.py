"""ForecastBatch: when a batch will end, and what will come of it."""

from dataclasses import dataclass
from datetime import timedelta

from outdial_server.domain.checks import Checks
from outdial_server.domain.forecast.forecast import Forecast, forecast
from outdial_server.domain.forecast.question import (
    HORIZON_DEFAULT,
    HORIZON_MAX,
    HORIZON_MIN,
    Question,
)
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.forecasts import ChanceSource, QuestionReader, SpareTime


@dataclass(frozen=True, slots=True)
class MadeForecast:
    question: Question
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class ForecastBatch:
    questions: QuestionReader
    chances: ChanceSource
    spare_time: SpareTime

    async def execute(
        self, account_id: AccountId, batch_id: BatchId, horizon: timedelta | None = None
    ) -> MadeForecast:
        horizon = HORIZON_DEFAULT if horizon is None else horizon
        checks = Checks()
        checks.duration("horizon", horizon, HORIZON_MIN, HORIZON_MAX)
        checks.raise_if_any()
        question = await self.questions.question(account_id, batch_id, horizon)
        chances = self.chances.new_chances()
        made = await self.spare_time.run(lambda: forecast(question, chances))
        return MadeForecast(question, made)
