"""AnswerStore over a database."""

from datetime import timedelta

from outdial_server.domain.request import RequestKey, Standing
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import answers


class SqlAnswers:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def begin_answer(self, request: RequestKey, lease: timedelta) -> str | Standing:
        return await self._db.write(lambda tx: answers.begin_answer(tx, request, lease))

    async def end_answer(self, request: RequestKey, answer: str, kept: timedelta) -> None:
        await self._db.write(lambda tx: answers.end_answer(tx, request, answer, kept))

    async def drop_answer(self, request: RequestKey) -> None:
        await self._db.write(lambda tx: answers.drop_answer(tx, request))
