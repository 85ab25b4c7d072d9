"""Verbs that are carried out in a writing transaction, and rolled back: what they answer is
what they would answer, by the same code."""

from collections.abc import Callable
from typing import Generic, TypeVar

from outdial_server.storage.database import Database
from outdial_server.storage.tx import Tx

T = TypeVar("T")


class _Rehearsed(Exception, Generic[T]):  # noqa: N818 - it is no error
    """Takes the answer out of the transaction, and the transaction back."""

    def __init__(self, answer: T) -> None:
        super().__init__()
        self.answer = answer


async def rehearse(database: Database, verb: Callable[[Tx], T]) -> T:
    """Raises what the verb raises. Nothing is stored, and nobody hears of it."""

    def roll_back(tx: Tx) -> None:
        raise _Rehearsed(verb(tx))

    try:
        await database.write(roll_back)
    except _Rehearsed as done:
        answer: T = done.answer
        return answer
    raise AssertionError("a rehearsal is always rolled back")
