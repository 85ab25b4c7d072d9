"""Requests that come again with the same key: carried out once, answered the same each time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from outdial_server.domain.limits import IDEMPOTENCY_TTL
from outdial_server.domain.request import RequestKey, Standing
from outdial_server.ports.answers import AnswerStore
from outdial_server.ports.sealing import Seal

_LEASE: Final = timedelta(minutes=2)
"""Longer than a request takes. Should one take longer yet, whatever it asks for has to be safe to
repeat by itself."""


@dataclass(frozen=True, slots=True)
class RepeatedRequests:
    """Answers are kept sealed: what is shown once may be among them."""

    answers: AnswerStore
    seal: Seal

    async def begin(self, request: RequestKey) -> str | Standing:
        """What it was answered with before, or how it stands: whoever is told NEW carries it out,
        and then says `end` or `drop`. Raises AlreadyExistsError (REQUEST_ID_REUSED)."""
        earlier = await self.answers.begin_answer(request, _LEASE)
        if isinstance(earlier, Standing):
            return earlier
        return self.seal.unseal(earlier, _owner(request))

    async def end(
        self, request: RequestKey, answer: str, kept: timedelta = IDEMPOTENCY_TTL
    ) -> None:
        await self.answers.end_answer(request, self.seal.seal(answer, _owner(request)), kept)

    async def drop(self, request: RequestKey) -> None:
        """It came to nothing, and may be carried out when it comes again."""
        await self.answers.drop_answer(request)


def _owner(request: RequestKey) -> str:
    return f"{request.account_id} {request.surface} {request.request_id}"
