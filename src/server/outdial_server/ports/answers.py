"""Whole answers to requests, kept so that a repeated request gets them again."""

from datetime import timedelta
from typing import Protocol

from outdial_server.domain.request import RequestKey, Standing


class AnswerStore(Protocol):
    async def begin_answer(self, request: RequestKey, lease: timedelta) -> str | Standing:
        """What the request was answered with, or how it stands. NEW, said to one of those that
        ask at the same time, holds for as long as the lease or until `end_answer` or
        `drop_answer`: after a server that died, somebody else is told NEW. Raises
        AlreadyExistsError (REQUEST_ID_REUSED) for the same key with other content."""
        ...

    async def end_answer(self, request: RequestKey, answer: str, kept: timedelta) -> None: ...

    async def drop_answer(self, request: RequestKey) -> None:
        """The request came to nothing, and whoever asks next is NEW."""
        ...
