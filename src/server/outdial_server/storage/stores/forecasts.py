"""QuestionReader over a database."""

from datetime import timedelta

from outdial_server.domain.forecast.question import Question
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import forecasting


class SqlForecastQuestions:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def question(
        self, account_id: AccountId, batch_id: BatchId, horizon: timedelta
    ) -> Question:
        return await self._db.read(
            lambda tx: forecasting.read_question(tx, account_id, batch_id, horizon)
        )
