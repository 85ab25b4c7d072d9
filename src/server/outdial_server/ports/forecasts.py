"""What forecasts are made from, and with."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

from outdial_server.domain.forecast.chance import Chance
from outdial_server.domain.forecast.question import Question
from outdial_server.domain.ids import AccountId, BatchId

T = TypeVar("T")


class QuestionReader(Protocol):
    async def question(
        self, account_id: AccountId, batch_id: BatchId, horizon: timedelta
    ) -> Question:
        """A read of one moment: all who wait in the account, counted by those who are alike,
        some microseconds each, and the newest calls of its agents. Raises NotFoundError
        (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE, BATCH_EMPTY, AGENT_INACTIVE)."""
        ...


class ChanceSource(Protocol):
    def new_chances(self) -> Callable[[int], Chance]:
        """Chances by number, each with numbers of its own, and others with each call."""
        ...


class SpareTime(Protocol):
    async def run(self, work: Callable[[], T]) -> T:
        """Runs work of some seconds beside the event loop. There is one at a time; the others
        wait, and whoever gives up waiting is left out."""
        ...
